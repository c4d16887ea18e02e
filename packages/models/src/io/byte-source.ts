import { open } from "node:fs/promises";
import { CheckpointError } from "@moekit/core";

/** Bytes at positions: a file or a piece of memory. Readers of checkpoint formats ask for the ranges they need. */
export interface ByteSource {
  /** What error messages call it. */
  readonly name: string;
  /** Length in bytes. */
  readonly size: number;
  /** Fills `target` with the bytes from `position` on. */
  read(target: Uint8Array, position: number): Promise<void>;
  close(): Promise<void>;
}

/** Opens a file for reading ranges. */
export async function fileSource(path: string): Promise<ByteSource> {
  const handle = await open(path, "r").catch((cause: unknown) => {
    throw new CheckpointError(`${path}: cannot be opened. Check the path.`, { cause });
  });
  const stat = await handle.stat();
  if (!stat.isFile()) {
    await handle.close();
    throw new CheckpointError(`${path}: is not a file. Pass the path of a file inside it.`);
  }
  const { size } = stat;
  return {
    name: path,
    size,
    close: () => handle.close(),
    async read(target, position) {
      for (let done = 0; done < target.length; ) {
        const { bytesRead } = await handle.read(target, done, target.length - done, position + done);
        if (bytesRead === 0) throw outOfBytes(path, target.length, position, size);
        done += bytesRead;
      }
    },
  };
}

/** Reads ranges of bytes in memory. */
export function memorySource(bytes: Uint8Array, name = "bytes in memory"): ByteSource {
  return {
    name,
    size: bytes.length,
    close: async () => {},
    async read(target, position) {
      if (position + target.length > bytes.length) throw outOfBytes(name, target.length, position, bytes.length);
      target.set(bytes.subarray(position, position + target.length));
    },
  };
}

function outOfBytes(name: string, count: number, position: number, size: number): CheckpointError {
  return new CheckpointError(`${name}: ${count} bytes were wanted at ${position}, but the file ends at ${size}. It is truncated.`);
}

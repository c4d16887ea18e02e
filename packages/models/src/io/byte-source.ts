import { closeSync, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { open } from "node:fs/promises";
import { resolve } from "node:path";
import { CheckpointError } from "@moekit/core";

/** Bytes at positions: a file or a piece of memory. Readers of checkpoint formats ask for the ranges they need. */
export interface ByteSource {
  /** What error messages call it. */
  readonly name: string;
  /** Length in bytes. */
  readonly size: number;
  /** Fills `target` with the bytes from `position` on. */
  read(target: Uint8Array, position: number): Promise<void>;
  /** The same at once, also after closing. @throws CheckpointError if the file is gone or is not what it was when it was opened. */
  readSync(target: Uint8Array, position: number): void;
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
  const absolute = resolve(path);
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
    readSync: (target, position) => readUnchanged(absolute, stat, target, position),
  };
}

/** Opens the file for this read alone, so that nothing is left to close and a file that was replaced is noticed. */
function readUnchanged(path: string, before: Stats, target: Uint8Array, position: number): void {
  const file = openAgain(path);
  try {
    const now = fstatSync(file);
    const isSame = now.ino === before.ino && now.size === before.size && now.mtimeMs === before.mtimeMs;
    if (!isSame) throw new CheckpointError(`${path}: has changed since the model was loaded, which reads its experts from it. Load the model anew.`);
    for (let done = 0; done < target.length; ) {
      const count = readSync(file, target, done, target.length - done, position + done);
      if (count === 0) throw outOfBytes(path, target.length, position, now.size);
      done += count;
    }
  } finally {
    closeSync(file);
  }
}

function openAgain(path: string): number {
  try {
    return openSync(path, "r");
  } catch (cause) {
    throw new CheckpointError(`${path}: cannot be opened any more, and a model that was loaded from it reads its experts from it. Put it back, or load the model anew.`, { cause });
  }
}

/** Reads ranges of bytes in memory. */
export function memorySource(bytes: Uint8Array, name = "bytes in memory"): ByteSource {
  const readSync = (target: Uint8Array, position: number): void => {
    if (position + target.length > bytes.length) throw outOfBytes(name, target.length, position, bytes.length);
    target.set(bytes.subarray(position, position + target.length));
  };
  return { name, size: bytes.length, close: async () => {}, read: async (target, position) => readSync(target, position), readSync };
}

function outOfBytes(name: string, count: number, position: number, size: number): CheckpointError {
  return new CheckpointError(`${name}: ${count} bytes were wanted at ${position}, but the file ends at ${size}. It is truncated.`);
}

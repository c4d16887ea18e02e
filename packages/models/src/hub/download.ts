import { createHash, type Hash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { CheckpointError } from "@moekit/core";
import { sizeOf } from "./hub-cache.js";

/** A file of the Hub and what its bytes must be. */
export interface RemoteFile {
  readonly path: string;
  readonly size: number;
  /** Large files: SHA-256 of the content. Others: the git blob id, SHA-1 of `blob <size>\0` and the content. */
  readonly hash: string;
  readonly algorithm: "sha256" | "git";
  /** The content from byte `start` on. */
  readonly open: (start: number) => Promise<Blob>;
}

/** How a download reports and stops. */
export interface DownloadOptions {
  /** Called with the bytes that have arrived, also from an earlier attempt. */
  readonly onBytes?: (bytes: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Downloads to `target`, going on where an earlier attempt stopped. The file appears under its name only when its checksum is right.
 * @throws CheckpointError if the checksum is wrong; what was downloaded is then thrown away.
 */
export async function download(file: RemoteFile, target: string, { onBytes, signal }: DownloadOptions = {}): Promise<void> {
  if ((await sizeOf(target)) === file.size) return onBytes?.(file.size);
  const partial = `${target}.incomplete`;
  await mkdir(dirname(target), { recursive: true });
  const start = await usablePart(partial, file.size);
  const hash = startHash(file);
  if (start > 0) for await (const chunk of createReadStream(partial)) hash.update(chunk as Buffer);
  onBytes?.(start);
  if (start < file.size || file.size === 0) await fetchRest(file, partial, start, { hash, onBytes, signal });
  if (hash.digest("hex") !== file.hash) {
    await rm(partial, { force: true });
    throw new CheckpointError(`resolveCheckpoint: ${file.path} arrived damaged (its checksum is not ${file.hash}). It was thrown away; try again.`);
  }
  await rename(partial, target);
}

/** Bytes of an earlier attempt that can be kept. */
async function usablePart(partial: string, size: number): Promise<number> {
  const have = (await sizeOf(partial)) ?? 0;
  if (have <= size) return have;
  await rm(partial);
  return 0;
}

function startHash({ algorithm, size }: RemoteFile): Hash {
  return algorithm === "sha256" ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
}

async function fetchRest(file: RemoteFile, partial: string, start: number, { hash, onBytes, signal }: DownloadOptions & { hash: Hash }): Promise<void> {
  let arrived = start;
  const watch = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      onBytes?.((arrived += chunk.length));
      done(undefined, chunk);
    },
  });
  const body = Readable.fromWeb((await file.open(start)).stream() as ReadableStream);
  await pipeline(body, watch, createWriteStream(partial, { flags: start > 0 ? "a" : "w" }), { signal });
}

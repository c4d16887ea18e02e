/** Writing files so that a crash at any moment leaves the old state, the new state, or something that refuses to load. */
import { mkdir, open, rename, rm, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Writes the content of one file through an open handle. */
export type WriteContent = (handle: FileHandle) => Promise<void>;

/** Writes one file: under a temporary name, flushed to disk, then renamed. */
export async function writeFileSafely(path: string, write: WriteContent): Promise<void> {
  await stage(path, write);
  await rename(partial(path), path);
  await syncFolder(dirname(path));
}

/** Files that only make sense together; without the entry file nothing of them can be loaded. */
export interface FileSet {
  readonly files: ReadonlyMap<string, WriteContent>;
  /** The file of the set that appears last. */
  readonly entry: string;
  /** Files of an earlier set: entry files go before anything of the new set appears. */
  readonly obsolete: readonly string[];
}

/**
 * Writes a set of files into a folder. All bytes are on disk under temporary names before the first rename; the entry
 * files of the old set vanish before, and the new one appears after all others, so that old and new never mix.
 */
export async function writeFilesTogether(folder: string, { files, entry, obsolete }: FileSet): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, write] of files) await stage(join(folder, name), write);
  for (const name of new Set([entry, ...obsolete])) await rm(join(folder, name), { force: true });
  await syncFolder(folder);
  for (const name of files.keys()) if (name !== entry) await rename(partial(join(folder, name)), join(folder, name));
  await syncFolder(folder);
  await rename(partial(join(folder, entry)), join(folder, entry));
  await syncFolder(folder);
}

const partial = (path: string): string => `${path}.partial`;

async function stage(path: string, write: WriteContent): Promise<void> {
  const handle = await open(partial(path), "w");
  try {
    await write(handle);
    await handle.sync();
  } catch (error) {
    await rm(partial(path), { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}

async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder; there a rename is durable by itself.
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  await handle.sync().finally(() => handle.close());
}

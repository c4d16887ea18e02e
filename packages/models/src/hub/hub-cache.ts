/** The cache that Hugging Face's own tools keep, so that what they have downloaded is not downloaded again. */
import { mkdir, readFile, readdir, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { getHFHubCachePath, getRepoFolderName } from "@huggingface/hub";

/** Files of one repository: `blobs/<hash>`, `snapshots/<commit>/<path>` pointing there, `refs/<revision>` with the commit. */
export class HubCache {
  private readonly folder: string;

  constructor(repo: string, cacheDir: string = getHFHubCachePath()) {
    this.folder = join(cacheDir, getRepoFolderName({ name: repo, type: "model" }));
  }

  blob(hash: string): string {
    return join(this.folder, "blobs", hash);
  }

  snapshot(commit: string): string {
    return join(this.folder, "snapshots", commit);
  }

  /** The commit that a revision meant when it was last asked for. */
  async commitOf(revision: string): Promise<string | undefined> {
    return readFile(join(this.folder, "refs", revision), "utf8").catch(() => undefined);
  }

  /** Remembers it. Comes after the files, so that what is remembered is complete. */
  async remember(revision: string, commit: string): Promise<void> {
    const path = join(this.folder, "refs", revision);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(`${path}.partial`, commit);
    await rename(`${path}.partial`, path);
  }

  /** Makes a file of the snapshot point to its blob. */
  async link(commit: string, path: string, hash: string): Promise<void> {
    const link = join(this.snapshot(commit), path);
    if (await sizeOf(link)) return;
    await mkdir(dirname(link), { recursive: true });
    await rm(link, { force: true });
    await symlink(relative(dirname(link), this.blob(hash)), link);
  }

  /** True if the snapshot holds a file. */
  async has(commit: string, path: string): Promise<boolean> {
    return (await sizeOf(join(this.snapshot(commit), path))) !== undefined;
  }

  /** True if the snapshot holds weights in safetensors files. */
  async hasWeights(commit: string): Promise<boolean> {
    const names = await readdir(this.snapshot(commit)).catch((): string[] => []);
    return names.includes("config.json") && names.some((name) => name.endsWith(".safetensors"));
  }
}

/** Bytes of a file; undefined if there is none. */
export async function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
}

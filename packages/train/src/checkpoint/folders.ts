import { readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { CheckpointError } from "@moekit/core";
import { syncFolder } from "./files.js";

const PATTERN = /^step-(\d{6,})$/;

/** Name of the folder of a step, e.g. `step-000123`. */
export const folderName = (step: number): string => `step-${String(step).padStart(6, "0")}`;

/** The step of a checkpoint's path. */
export const stepOf = (path: string): number | undefined => {
  const match = PATTERN.exec(path.split(/[\\/]/).at(-1)!);
  return match ? Number(match[1]) : undefined;
};

/**
 * Complete checkpoints of a folder, oldest first. A folder under its final name is complete: it gets that name last.
 * @example const paths = await listCheckpoints("run/checkpoints");
 */
export async function listCheckpoints(dir: string): Promise<string[]> {
  const names = (await entries(dir)).filter((name) => PATTERN.test(name));
  return names.sort((a, b) => stepOf(a)! - stepOf(b)!).map((name) => join(dir, name));
}

/**
 * The newest complete checkpoint of a folder.
 * @throws CheckpointError if there is none.
 * @example await trainer.resume(await latestCheckpoint("run/checkpoints"));
 */
export async function latestCheckpoint(dir: string): Promise<string> {
  const latest = (await listCheckpoints(dir)).at(-1);
  if (!latest) throw new CheckpointError(`latestCheckpoint: ${dir} holds no checkpoint (no folder named like ${folderName(100)}).`);
  return latest;
}

/** A fresh folder to write in; what an interrupted writer left is removed. */
export async function stagingFolder(dir: string, step: number): Promise<string> {
  for (const name of await entries(dir)) if (/^\.(writing|discarded)-/.test(name)) await rm(join(dir, name), { recursive: true, force: true });
  return join(dir, `.writing-${folderName(step)}`);
}

/** Gives a completely written folder its final name, in place of an earlier checkpoint of that step. */
export async function publish(staged: string, dir: string, step: number): Promise<string> {
  const path = join(dir, folderName(step));
  const earlier = (await entries(dir)).includes(folderName(step)) ? await setAside(path) : undefined;
  await rename(staged, path);
  await syncFolder(dir);
  if (earlier) await rm(earlier, { recursive: true, force: true });
  return path;
}

/** Keeps the newest `keep` checkpoints up to `step`. Later ones belong to a branch that was given up by resuming before it. */
export async function prune(dir: string, step: number, keep: number): Promise<void> {
  const all = await listCheckpoints(dir);
  const kept = all.filter((path) => stepOf(path)! <= step).slice(-keep);
  for (const path of all) if (!kept.includes(path)) await rm(await setAside(path), { recursive: true, force: true });
}

/** Takes the final name off a folder before anything in it is deleted, so that a crash leaves no half of a checkpoint under it. */
async function setAside(path: string): Promise<string> {
  const aside = join(dirname(path), `.discarded-${basename(path)}`);
  await rename(path, aside);
  return aside;
}

async function entries(dir: string): Promise<string[]> {
  return readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
}

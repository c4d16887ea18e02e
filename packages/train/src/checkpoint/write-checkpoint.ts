import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Variable } from "@tensorflow/tfjs";
import { writeSafetensors, type LazyTensor } from "@moekit/models";
import { syncFolder, writeJson } from "./files.js";
import { prune, publish, stagingFolder } from "./folders.js";
import { writeManifest } from "./manifest.js";
import type { Snapshot } from "./snapshot.js";
import { TENSOR_FILES, TRAINER_FILE } from "./snapshot.js";

/**
 * Saves a snapshot as `<dir>/step-<step>`: all files are written and flushed under another name, then the folder is renamed.
 * A crash at any moment leaves complete checkpoints only. Keeps the newest `keep`.
 *
 * @returns The path of the checkpoint.
 */
export async function writeCheckpoint(dir: string, snapshot: Snapshot, keep: number): Promise<string> {
  const { step } = snapshot.trainer;
  const staged = await stagingFolder(dir, step);
  await mkdir(staged, { recursive: true });
  for (const [group, name] of Object.entries(TENSOR_FILES)) await writeSafetensors(join(staged, name), lazy(snapshot[group as keyof typeof TENSOR_FILES]));
  await writeJson(join(staged, TRAINER_FILE), snapshot.trainer);
  await writeManifest(staged, [...Object.values(TENSOR_FILES), TRAINER_FILE]);
  await syncFolder(staged);
  const path = await publish(staged, dir, step);
  await prune(dir, step, keep);
  return path;
}

function lazy(variables: Readonly<Record<string, Variable>>): Record<string, LazyTensor> {
  const entries = Object.entries(variables).map(([name, variable]): [string, LazyTensor] => [
    name,
    { shape: variable.shape, dtype: variable.dtype === "int32" ? "int32" : "float32", load: () => variable.data() as Promise<Float32Array | Int32Array> },
  ]);
  return Object.fromEntries(entries);
}

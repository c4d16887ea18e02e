import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import type { Variable } from "@tensorflow/tfjs";
import { CheckpointError } from "@moekit/core";
import { SafetensorsFile } from "@moekit/models";
import { verifyManifest } from "./manifest.js";
import { TENSOR_FILES, TRAINER_FILE, type Snapshot, type TrainerState } from "./snapshot.js";

type Variables = Readonly<Record<string, Variable>>;

/**
 * Reads the facts of a checkpoint after checking all its files against the manifest.
 *
 * @throws CheckpointError naming the damaged file.
 */
export async function readTrainerState(path: string): Promise<TrainerState> {
  await verifyManifest(path, [...Object.values(TENSOR_FILES), TRAINER_FILE]);
  const state = JSON.parse(await readFile(join(path, TRAINER_FILE), "utf8")) as TrainerState;
  if (state.format !== 1) throw new CheckpointError(`readCheckpoint: ${join(path, TRAINER_FILE)} has format ${state.format}; this version reads format 1.`);
  return state;
}

/**
 * Copies the tensors of a verified checkpoint into variables. Strict: names and shapes must be the same on both sides.
 *
 * @throws CheckpointError naming file and tensors that do not fit; nothing is changed then.
 */
export async function readVariables(path: string, groups: Pick<Snapshot, keyof typeof TENSOR_FILES>): Promise<void> {
  const files: [SafetensorsFile, Variables][] = [];
  try {
    for (const [group, name] of Object.entries(TENSOR_FILES)) {
      const variables = groups[group as keyof typeof TENSOR_FILES];
      const file = await SafetensorsFile.open(join(path, name));
      files.push([file, variables]);
      requireFit(join(path, name), file, variables);
    }
    for (const [file, variables] of files) await assignAll(file, variables);
  } finally {
    for (const [file] of files) await file.close();
  }
}

function requireFit(path: string, { tensors }: SafetensorsFile, variables: Variables): void {
  const missing = Object.keys(variables).filter((name) => !tensors.has(name));
  const unexpected = [...tensors.keys()].filter((name) => !(name in variables));
  const misfits = Object.keys(variables).filter((name) => tensors.has(name) && tensors.get(name)!.shape.join() !== variables[name]!.shape.join());
  const lists = { Missing: missing, Unexpected: unexpected, "Of another shape": misfits };
  const found = Object.entries(lists).filter(([, names]) => names.length > 0).map(([title, names]) => ` ${title}: ${names.slice(0, 8).join(", ")}${names.length > 8 ? `, and ${names.length - 8} more` : ""}.`);
  if (found.length > 0) throw new CheckpointError(`readCheckpoint: ${path} does not fit this run.${found.join("")} Resume with the model, optimiser and controllers that wrote it.`);
}

async function assignAll(file: SafetensorsFile, variables: Variables): Promise<void> {
  for (const [name, variable] of Object.entries(variables)) {
    const { shape, data } = await file.read(name);
    tf.tidy(() => variable.assign(tf.tensor(data, [...shape], variable.dtype)));
  }
}

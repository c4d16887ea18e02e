import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { CheckpointError, type PackedMatrix } from "@moekit/core";
import { exists } from "../io/exists.js";
import type { TensorInfo } from "./header.js";
import type { HostTensor } from "./host-tensor.js";
import { SafetensorsFile, type TensorReader } from "./safetensors-file.js";
import type { StoredRows } from "./stored-rows.js";

/** Names of the files a Hugging Face folder keeps its weights in. */
export const SINGLE_FILE = "model.safetensors";
export const INDEX_FILE = "model.safetensors.index.json";

/**
 * Opens the weights of a Hugging Face folder: `model.safetensors`, or the shards that `model.safetensors.index.json` lists.
 *
 * @throws CheckpointError if neither is there, a shard is missing or damaged, or index and shards disagree.
 * @example const weights = await openWeights("my-model");
 */
export async function openWeights(folder: string): Promise<TensorReader> {
  if (await exists(join(folder, SINGLE_FILE))) return SafetensorsFile.open(join(folder, SINGLE_FILE));
  if (await exists(join(folder, INDEX_FILE))) return openShards(folder);
  throw new CheckpointError(`openWeights: ${folder} has neither ${SINGLE_FILE} nor ${INDEX_FILE}. It is not a checkpoint, or its writing was interrupted.`);
}

async function openShards(folder: string): Promise<TensorReader> {
  const shardOf = await readIndex(join(folder, INDEX_FILE));
  const shards = new Map<string, SafetensorsFile>();
  const close = async () => void (await Promise.all([...shards.values()].map((shard) => shard.close())));
  try {
    for (const name of new Set(shardOf.values())) shards.set(name, await SafetensorsFile.open(join(folder, name)));
    checkIndex(shardOf, shards);
  } catch (error) {
    await close();
    throw error;
  }
  return new Shards(shardOf, shards, close);
}

class Shards implements TensorReader {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  constructor(
    private readonly shardOf: ReadonlyMap<string, string>,
    private readonly shards: ReadonlyMap<string, SafetensorsFile>,
    readonly close: () => Promise<void>,
  ) {
    this.tensors = new Map([...shards.values()].flatMap((shard) => [...shard.tensors]));
  }

  async read(name: string): Promise<HostTensor> {
    return this.shard(name).read(name);
  }

  async readInto(name: string, target: Float32Array | Int32Array): Promise<void> {
    return this.shard(name).readInto(name, target);
  }

  async readPacked(name: string, into?: Uint8Array): Promise<PackedMatrix | undefined> {
    return this.shard(name).readPacked(name, into);
  }

  storedRows(name: string): StoredRows | undefined {
    return this.shard(name).storedRows(name);
  }

  readBytesSync(name: string, from: number, target: Uint8Array): void {
    this.shard(name).readBytesSync(name, from, target);
  }

  private shard(name: string): SafetensorsFile {
    const shard = this.shards.get(this.shardOf.get(name) ?? "");
    if (!shard) throw new CheckpointError(`readSafetensors: the index lists no tensor "${name}".`);
    return shard;
  }
}

async function readIndex(path: string): Promise<Map<string, string>> {
  const problem = (what: string, cause?: unknown) => new CheckpointError(`openWeights: ${path}: ${what}`, { cause });
  let index: unknown;
  try {
    index = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw problem("the index is not JSON.", cause);
  }
  const map = (index as { weight_map?: unknown } | null)?.weight_map;
  if (typeof map !== "object" || map === null || Array.isArray(map)) throw problem("the index needs a weight_map from tensor names to files.");
  for (const [name, file] of Object.entries(map)) {
    // A plain file name only: an index must not reach outside its folder.
    if (typeof file !== "string" || !/^[\w][\w.-]*\.safetensors$/.test(file)) throw problem(`the shard of "${name}" must be a plain *.safetensors file name; got ${JSON.stringify(file)}.`);
  }
  return new Map(Object.entries(map as Record<string, string>));
}

function checkIndex(shardOf: ReadonlyMap<string, string>, shards: ReadonlyMap<string, SafetensorsFile>): void {
  for (const [name, file] of shardOf) {
    if (!shards.get(file)!.tensors.has(name)) throw new CheckpointError(`openWeights: the index says that "${name}" is in ${file}, but it is not.`);
  }
  for (const [file, shard] of shards) {
    for (const name of shard.tensors.keys())
      if (shardOf.get(name) !== file) throw new CheckpointError(`openWeights: ${file} holds "${name}", which the index does not place there. The shards are of different checkpoints.`);
  }
}

import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { parameters } from "@moekit/core";
import type { HuggingFaceConfig, ModelConfig } from "../config/model-config.js";
import { findFamily } from "../families/index.js";
import { writeFilesTogether, type WriteContent } from "../io/write-files.js";
import { parameterPlaces } from "../layout/parameter-places.js";
import type { Place } from "../layout/place.js";
import { isWhole, scatter } from "../layout/strided.js";
import type { MoeTransformer } from "../moe-transformer.js";
import type { FloatDtype } from "../safetensors/dtypes.js";
import { elements, type LazyTensor } from "../safetensors/host-tensor.js";
import { INDEX_FILE, SINGLE_FILE } from "../safetensors/sharded.js";
import { bytesInFile, safetensorsContent } from "../safetensors/write.js";

/**
 * How {@link saveModel} writes.
 * @example const options: SaveOptions = { dtype: "BF16", maxShardBytes: 5e9 };
 */
export interface SaveOptions {
  /** Format of the weights. @defaultValue "F32" */
  readonly dtype?: FloatDtype;
  /** Most bytes of tensors in one file; a larger model is split. @defaultValue 50e9, as in transformers */
  readonly maxShardBytes?: number;
}

type Tensors = Record<string, LazyTensor>;

const DTYPE_NAMES: Record<FloatDtype, string> = { F32: "float32", F16: "float16", BF16: "bfloat16" };

/**
 * Saves a model as a Hugging Face folder that transformers loads: `config.json` and `model.safetensors`, or shards with
 * their index. Other files in the folder stay.
 *
 * All bytes are on disk under temporary names before the first file of an older checkpoint is replaced, and the file by
 * which the weights are found comes last: a crash leaves the old checkpoint, the new one, or a folder that does not load.
 *
 * @throws CheckpointError if a value does not fit `dtype`.
 * @example await saveModel(model, "my-model", { dtype: "BF16" });
 */
export async function saveModel(model: MoeTransformer, folder: string, { dtype = "F32", maxShardBytes = 50e9 }: SaveOptions = {}): Promise<void> {
  const shards = splitByBytes(fileTensors(model), dtype, maxShardBytes);
  const files = new Map<string, WriteContent>([["config.json", text(configFor(model.config, dtype))]]);
  const write = (tensors: Tensors) => safetensorsContent(tensors, { dtype, metadata: { format: "pt" } });
  const shardName = (index: number) => `model-${pad(index + 1)}-of-${pad(shards.length)}.safetensors`;
  if (shards.length === 1) files.set(SINGLE_FILE, write(shards[0]!));
  else {
    shards.forEach((tensors, index) => files.set(shardName(index), write(tensors)));
    files.set(INDEX_FILE, text(shardIndex(shards, shardName, dtype)));
  }
  const entry = shards.length === 1 ? SINGLE_FILE : INDEX_FILE;
  await writeFilesTogether(folder, { files, entry, obsolete: [SINGLE_FILE, INDEX_FILE] });
  await removeOldShards(folder, files);
}

/** All tensors under their file names; the values of each are fetched when it is written. */
function fileTensors(model: MoeTransformer): Tensors {
  const variables = parameters(model);
  const places = parameterPlaces(model.config, Object.fromEntries(Object.entries(variables).map(([path, { shape }]) => [path, shape])));
  const views = new Map<string, View[]>();
  for (const [path, place] of places) {
    const perRow = place.names.length > 1;
    place.names.forEach((name, index) => views.set(name, [...(views.get(name) ?? []), { variable: variables[path]!, place, row: perRow ? index : undefined }]));
  }
  return Object.fromEntries([...views].map(([name, parts]) => [name, lazyTensor(parts)]));
}

/** A parameter, or one row of it, that lies in a tensor of the file. */
interface View {
  readonly variable: tf.Variable;
  readonly place: Place;
  readonly row?: number;
}

function lazyTensor(views: readonly View[]): LazyTensor {
  const shape = views[0]!.place.fileShape;
  const load = async () => {
    const [first] = views as [View];
    if (views.length === 1 && isWhole(first.place, shapeOf(first))) return valuesOf(first);
    const values = new Float32Array(elements(shape));
    for (const view of views) scatter(await valuesOf(view), view.place, shapeOf(view), values);
    return values;
  };
  return { shape, dtype: "float32", load };
}

const shapeOf = ({ variable, row }: View): readonly number[] => (row === undefined ? variable.shape : variable.shape.slice(1));

async function valuesOf({ variable, row }: View): Promise<Float32Array> {
  if (row === undefined) return (await variable.data()) as Float32Array;
  const [, ...rest] = variable.shape;
  const slice = tf.slice(variable, [row, ...rest.map(() => 0)], [1, ...rest]);
  const values = (await slice.data()) as Float32Array;
  slice.dispose();
  return values;
}

/** Fills shards in the order of the model; a tensor larger than the limit gets a shard of its own. */
function splitByBytes(tensors: Tensors, dtype: FloatDtype, limit: number): Tensors[] {
  const shards: Tensors[] = [{}];
  let bytes = 0;
  for (const [name, tensor] of Object.entries(tensors)) {
    const size = bytesInFile(tensor, dtype);
    if (bytes > 0 && bytes + size > limit) {
      shards.push({});
      bytes = 0;
    }
    shards.at(-1)![name] = tensor;
    bytes += size;
  }
  return shards;
}

function shardIndex(shards: readonly Tensors[], shardName: (index: number) => string, dtype: FloatDtype): unknown {
  const total_size = shards.flatMap((shard) => Object.values(shard)).reduce((sum, tensor) => sum + bytesInFile(tensor, dtype), 0);
  const weight_map = Object.fromEntries(shards.flatMap((shard, index) => Object.keys(shard).map((name) => [name, shardName(index)])));
  return { metadata: { total_size }, weight_map };
}

/**
 * The config the model came from, with the dtype of the new file, in which transformers loads it. Where the source says
 * nothing of token ids there are none; left out, transformers would take those of its class.
 */
function configFor({ family, source }: ModelConfig, dtype: FloatDtype): HuggingFaceConfig {
  const { torch_dtype: _, ...kept } = source;
  const absent = { architectures: [findFamily(family)!.architecture], bos_token_id: null, eos_token_id: null, pad_token_id: null };
  return { ...absent, ...kept, dtype: DTYPE_NAMES[dtype] };
}

async function removeOldShards(folder: string, files: ReadonlyMap<string, WriteContent>): Promise<void> {
  const old = (await readdir(folder)).filter((name) => /^model-\d{5}-of-\d{5}\.safetensors$/.test(name) && !files.has(name));
  for (const name of old) await rm(join(folder, name));
}

const text =
  (json: unknown): WriteContent =>
  async (handle) =>
    handle.writeFile(`${JSON.stringify(json, undefined, 2)}\n`);

const pad = (index: number): string => String(index).padStart(5, "0");

import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { HuggingFaceConfig } from "../config/model-config.js";
import { findFamily } from "../families/index.js";
import { writeFilesTogether, type WriteContent } from "../io/write-files.js";
import type { FloatDtype } from "../safetensors/dtypes.js";
import type { LazyTensor } from "../safetensors/host-tensor.js";
import { INDEX_FILE, SINGLE_FILE } from "../safetensors/sharded.js";
import { bytesInFile, safetensorsContent } from "../safetensors/write.js";
import { configText } from "./config-text.js";

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
 * Saves tensors under their Hugging Face names with their `config.json`; see {@link saveModel} for what happens on disk.
 *
 * The values of each tensor are fetched when it is written, so that a model is converted without being loaded.
 *
 * @throws CheckpointError if a value does not fit `dtype`.
 * @example await saveTensors({ config, tensors: { "lm_head.weight": { shape: [8, 4], dtype: "float32", load: async () => new Float32Array(32) } } }, "my-model");
 */
export async function saveTensors({ config, tensors }: { readonly config: HuggingFaceConfig; readonly tensors: Record<string, LazyTensor> }, folder: string, { dtype = "F32", maxShardBytes = 50e9 }: SaveOptions = {}): Promise<void> {
  const shards = splitByBytes(tensors, dtype, maxShardBytes);
  const files = new Map<string, WriteContent>([["config.json", content(configText(configFor(config, dtype)))]]);
  const write = (shard: Tensors) => safetensorsContent(shard, { dtype, metadata: { format: "pt" } });
  const shardName = (index: number) => `model-${pad(index + 1)}-of-${pad(shards.length)}.safetensors`;
  if (shards.length === 1) files.set(SINGLE_FILE, write(shards[0]!));
  else {
    shards.forEach((shard, index) => files.set(shardName(index), write(shard)));
    files.set(INDEX_FILE, content(`${JSON.stringify(shardIndex(shards, shardName, dtype), undefined, 2)}\n`));
  }
  const entry = shards.length === 1 ? SINGLE_FILE : INDEX_FILE;
  await writeFilesTogether(folder, { files, entry, obsolete: [SINGLE_FILE, INDEX_FILE] });
  await removeOldShards(folder, files);
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
function configFor(source: HuggingFaceConfig, dtype: FloatDtype): HuggingFaceConfig {
  const { torch_dtype: _, quantization_config: _packing, ...kept } = source;
  const architecture = findFamily(String(source.model_type))?.architecture;
  const absent = { ...(architecture && { architectures: [architecture] }), bos_token_id: null, eos_token_id: null, pad_token_id: null };
  return { ...absent, ...kept, dtype: DTYPE_NAMES[dtype] };
}

async function removeOldShards(folder: string, files: ReadonlyMap<string, WriteContent>): Promise<void> {
  const old = (await readdir(folder)).filter((name) => /^model-\d{5}-of-\d{5}\.safetensors$/.test(name) && !files.has(name));
  for (const name of old) await rm(join(folder, name));
}

const content =
  (text: string): WriteContent =>
  async (handle) =>
    handle.writeFile(text);

const pad = (index: number): string => String(index).padStart(5, "0");

import { copyFile, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { exportGguf, type GgufExportType } from "../gguf/export-gguf.js";
import { tokenizerMetadata } from "../gguf/tokenizer/tokenizer-metadata.js";
import { exists } from "../io/exists.js";
import { writeFileSafely } from "../io/write-files.js";
import type { FloatDtype } from "../safetensors/dtypes.js";
import type { HostTensor, LazyTensor } from "../safetensors/host-tensor.js";
import type { TensorReader } from "../safetensors/safetensors-file.js";
import { readTokenizerFiles } from "../tokenizer/load-tokenizer.js";
import { openCheckpoint, type Checkpoint } from "./open-checkpoint.js";
import { saveTensors } from "./save-tensors.js";

/**
 * What {@link convertCheckpoint} writes: a Hugging Face folder, or a GGUF file.
 * @example const target: ConversionTarget = { to: "gguf", quantize: "q8_0" };
 */
export type ConversionTarget =
  | { readonly to: "safetensors"; readonly dtype?: FloatDtype; readonly maxShardBytes?: number }
  | { readonly to: "gguf"; readonly quantize?: GgufExportType };

/**
 * How {@link convertCheckpoint} reports and stops.
 * @example const options: ConversionOptions = { onProgress: ({ tensors, total }) => console.log(tensors / total) };
 */
export interface ConversionOptions {
  /** Called when a tensor has been read. */
  readonly onProgress?: (progress: { readonly tensors: number; readonly total: number }) => void;
  /** Stops between two tensors by throwing its reason; nothing is left behind then. */
  readonly signal?: AbortSignal;
}

/** Files beside the weights that belong to a model folder. */
const COMPANIONS = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json", "chat_template.jinja"];

/**
 * Turns a checkpoint into another format, tensor by tensor, without loading the model: a Hugging Face folder or `.gguf` file
 * into a Hugging Face folder (unpacked to `dtype`) or a `.gguf` file (packed as `quantize`), with its tokenizer where it has one.
 *
 * @param from - A folder or a `.gguf` file.
 * @param target - A folder for `safetensors`, the name of a file for `gguf`.
 * @throws CheckpointError if the source is damaged or a value does not fit; ConfigError if GGUF cannot hold the family.
 * @example await convertCheckpoint("OLMoE-1B-7B-0924", "olmoe.gguf", { to: "gguf", quantize: "q4_K" });
 */
export async function convertCheckpoint(from: string, target: string, how: ConversionTarget, options: ConversionOptions = {}): Promise<void> {
  const checkpoint = await openCheckpoint(from);
  try {
    const weights = watched(checkpoint.weights, options);
    if (how.to === "gguf") await exportTo(from, target, { ...checkpoint, weights }, how.quantize);
    else await saveFolder(from, target, { ...checkpoint, weights }, how);
  } finally {
    await checkpoint.weights.close();
  }
}

async function exportTo(from: string, path: string, checkpoint: Checkpoint, quantize?: GgufExportType): Promise<void> {
  const tokenizer = await readTokenizerFiles(from);
  const metadata = tokenizer && tokenizerMetadata(tokenizer, Number(checkpoint.config.vocab_size));
  await mkdir(dirname(path), { recursive: true });
  await exportGguf(checkpoint, path, { quantize, metadata });
}

async function saveFolder(from: string, folder: string, { config, weights }: Checkpoint, { dtype, maxShardBytes }: { dtype?: FloatDtype; maxShardBytes?: number }): Promise<void> {
  const lazy = (name: string, { shape }: { shape: readonly number[] }): LazyTensor => ({ shape, dtype: "float32", load: async () => (await weights.read(name)).data });
  const tensors = Object.fromEntries([...weights.tensors].map(([name, info]) => [name, lazy(name, info)]));
  await saveTensors({ config, tensors }, folder, { dtype, maxShardBytes });
  if (from.endsWith(".gguf")) await writeTokenizer(from, folder);
  else for (const name of COMPANIONS) if (await exists(join(from, name))) await copyFile(join(from, name), join(folder, name));
}

async function writeTokenizer(from: string, folder: string): Promise<void> {
  const tokenizer = await readTokenizerFiles(from);
  if (!tokenizer) return;
  const text = (json: object) => `${JSON.stringify(json, undefined, 2)}\n`;
  await writeFileSafely(join(folder, "tokenizer_config.json"), async (handle) => handle.writeFile(text(tokenizer.config)));
  await writeFileSafely(join(folder, "tokenizer.json"), async (handle) => handle.writeFile(text(tokenizer.json)));
}

/** The same tensors, counted as they are read. */
function watched(reader: TensorReader, { onProgress, signal }: ConversionOptions): TensorReader {
  const total = reader.tensors.size;
  const seen = new Set<string>();
  const note = (name: string) => onProgress?.({ tensors: seen.add(name).size, total });
  return {
    tensors: reader.tensors,
    async read(name): Promise<HostTensor> {
      signal?.throwIfAborted();
      const tensor = await reader.read(name);
      note(name);
      return tensor;
    },
    async readInto(name, values): Promise<void> {
      signal?.throwIfAborted();
      await reader.readInto(name, values);
      note(name);
    },
    close: () => reader.close(),
  };
}

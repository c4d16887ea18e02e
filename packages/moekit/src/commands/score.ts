import { selectBackend, type BackendName } from "@moekit/backend";
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { DataError, disposeParameters } from "@moekit/core";
import { loadModel, scoreModel, writeSafetensors, type FloatDtype } from "@moekit/models";
import { checkpointPath } from "../terminal/checkpoint-path.js";
import { backendFlag, command } from "../terminal/command.js";
import { weightFormat, weightsFlag } from "../terminal/weights-flag.js";

const DTYPES: Record<"f32" | "f16" | "bf16", FloatDtype> = { f32: "F32", f16: "F16", bf16: "BF16" };
const tokenIds = z.array(z.array(z.int().min(0)).min(1)).min(1);

export const score = command({
  name: "score",
  description: "Run a checkpoint on token ids and write logits and routing, to compare with another implementation",
  args: {
    dir: { type: "positional", required: true, description: "Folder of a checkpoint, a .gguf file, or an id of the Hugging Face Hub" },
    ids: { type: "string", required: true, valueHint: "file.json", description: "Token ids: [[...],[...]], rows of equal length" },
    out: { type: "string", required: true, valueHint: "file.safetensors", description: "File to write" },
    dtype: { type: "enum", default: "f32", options: Object.keys(DTYPES), description: "Format of the numbers in the file" },
    ...weightsFlag,
    ...backendFlag,
  },
  example: "moekit score OLMoE-1B-7B-0924 --ids ids.json --out scores.safetensors",
  async run({ dir, ids, out, dtype, weights, backend, json }, terminal) {
    const format = weightFormat(weights);
    const rows = await readIds(ids);
    const path = await checkpointPath(dir, terminal);
    await selectBackend(backend as BackendName);
    const model = await loadModel(path, { weights: format });
    const tensors = await scoreModel(model, rows).finally(() => disposeParameters(model));
    await writeSafetensors(out, tensors, { dtype: DTYPES[dtype as keyof typeof DTYPES] });
    const [loss, crossEntropy, auxLoss] = ["loss", "cross_entropy", "aux_loss"].map((name) => tensors[name]!.data[0]!) as [number, number, number];
    const shapes = Object.fromEntries(Object.entries(tensors).map(([name, { shape }]) => [name, shape]));
    terminal.write(json ? `${JSON.stringify({ out, loss, crossEntropy, auxLoss, tensors: shapes })}\n` : `loss ${loss.toFixed(6)}: cross entropy ${crossEntropy.toFixed(6)} nats, aux loss ${auxLoss.toFixed(6)}\n${Object.keys(shapes).length} tensors in ${out}\n`);
  },
});

async function readIds(file: string): Promise<number[][]> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new DataError(`${file}: cannot be read (${error.code}).`);
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new DataError(`${file}: is not JSON (${(error as Error).message}).`);
  }
  const parsed = tokenIds.safeParse(json);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw new DataError(`${file}: must be rows of token ids like [[1, 2], [3, 4]]; at [${path.join("][")}]: ${message}`);
}

import { selectBackend, type BackendName } from "@moekit/backend";
import { DataError, disposeParameters } from "@moekit/core";
import { isEncoderDecoder, loadEncoderDecoder, loadModel, readConfigOf, scoreEncoderDecoder, scoreModel, writeSafetensors, type HostTensor } from "@moekit/models";
import { checkpointPath } from "../terminal/checkpoint-path.js";
import { backendFlag, command } from "../terminal/command.js";
import { DTYPES } from "../terminal/number-formats.js";
import { loadOptions, weightsFlags } from "../terminal/weights-flag.js";
import { readIds, type GivenIds } from "./read-ids.js";


export const score = command({
  name: "score",
  description: "Run a checkpoint on token ids and write logits and routing, to compare with another implementation",
  args: {
    dir: { type: "positional", required: true, description: "Folder of a checkpoint, a .gguf file, or an id of the Hugging Face Hub" },
    ids: { type: "string", required: true, valueHint: "file.json", description: "Token ids: [[...],[...]], rows of equal length; for an encoder-decoder {\"input_ids\": rows, \"decoder_input_ids\": rows}" },
    out: { type: "string", required: true, valueHint: "file.safetensors", description: "File to write" },
    dtype: { type: "enum", default: "f32", options: Object.keys(DTYPES), description: "Format of the numbers in the file" },
    ...weightsFlags,
    ...backendFlag,
  },
  example: "moekit score OLMoE-1B-7B-0924 --ids ids.json --out scores.safetensors",
  async run({ dir, ids, out, dtype, backend, json, ...flags }, terminal) {
    const loading = loadOptions(flags);
    const given = await readIds(ids);
    const path = await checkpointPath(dir, terminal);
    await selectBackend(backend as BackendName);
    const tensors = await scoresOf(path, given, loading);
    await writeSafetensors(out, tensors, { dtype: DTYPES[dtype as keyof typeof DTYPES] });
    const [loss, crossEntropy, auxLoss] = ["loss", "cross_entropy", "aux_loss"].map((name) => tensors[name]!.data[0]!) as [number, number, number];
    const shapes = Object.fromEntries(Object.entries(tensors).map(([name, { shape }]) => [name, shape]));
    terminal.write(json ? `${JSON.stringify({ out, loss, crossEntropy, auxLoss, tensors: shapes })}\n` : `loss ${loss.toFixed(6)}: cross entropy ${crossEntropy.toFixed(6)} nats, aux loss ${auxLoss.toFixed(6)}\n${Object.keys(shapes).length} tensors in ${out}\n`);
  },
});

type Options = NonNullable<Parameters<typeof loadModel>[1]>;

/** What the model at a path makes of the ids, which must be of the kind that it takes. */
async function scoresOf(path: string, ids: GivenIds, options: Options): Promise<Record<string, HostTensor>> {
  if (isEncoderDecoder(await readConfigOf(path))) return scoresOfPair(path, ids, options);
  if (ids.decoderInputIds) throw new DataError("this model is a decoder: it takes input_ids alone, without decoder_input_ids.");
  const model = await loadModel(path, options);
  return scoreModel(model, ids.inputIds).finally(() => disposeParameters(model));
}

async function scoresOfPair(path: string, { inputIds, decoderInputIds, labels }: GivenIds, options: Options): Promise<Record<string, HostTensor>> {
  if (!decoderInputIds) throw new DataError('this model is an encoder-decoder: the ids must be an object like {"input_ids": [[5, 7, 1]], "decoder_input_ids": [[0, 9]]}.');
  const model = await loadEncoderDecoder(path, options);
  return scoreEncoderDecoder(model, { inputIds, decoderInputIds, labels }).finally(() => disposeParameters(model));
}

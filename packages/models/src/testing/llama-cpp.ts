/** llama.cpp itself, to judge the files that we write. */
import { llamaAddon, messages } from "./llama-addon.js";

export { noLlamaCpp } from "./llama-addon.js";

/** Logits of llama.cpp at each position, or its messages where it refuses the file. */
export async function llamaCppLogits(path: string, ids: readonly number[], vocabSize: number): Promise<Float32Array[]> {
  const addon = await llamaAddon();
  messages.length = 0;
  const model = new addon.AddonModel(path, { addonExports: addon, gpuLayers: 0, useMmap: false });
  if (!(await model.init())) throw new Error(`llama.cpp does not load ${path}: ${messages.join("\n")}`);
  const context = new addon.AddonContext(model, { contextSize: 256, batchSize: 256, sequences: 1, flashAttention: false, threads: 1, kvCacheKeyType: 0, kvCacheValueType: 0, swaFullCache: true });
  if (!(await context.init())) throw new Error(`llama.cpp does not run ${path}: ${messages.join("\n")}`);
  const sampler = new addon.AddonSampler(model);
  sampler.applyConfig({ temperature: 0 });
  context.initBatch(ids.length);
  const positions = context.addToBatch(0, 0, Uint32Array.from(ids), Uint32Array.from(ids.keys()));
  await context.decodeBatch();
  const all: Float32Array[] = [];
  for (const position of positions) all.push(inOrder((await context.sampleToken(position, sampler, false, false, true))[3], vocabSize));
  sampler.dispose();
  await context.dispose();
  await model.dispose();
  return all;
}

/** Token ids of llama.cpp for texts, with special tokens in them recognised and none added. */
export async function llamaCppTokens(path: string, texts: readonly string[]): Promise<number[][]> {
  const addon = await llamaAddon();
  messages.length = 0;
  const model = new addon.AddonModel(path, { addonExports: addon, gpuLayers: 0, useMmap: false, vocabOnly: true });
  if (!(await model.init())) throw new Error(`llama.cpp does not load ${path}: ${messages.join("\n")}`);
  const ids = texts.map((text) => [...model.tokenize(text, true)]);
  await model.dispose();
  return ids;
}

/** The addon lists token, logit, token, logit, best first. */
function inOrder(pairs: readonly number[], vocabSize: number): Float32Array {
  const logits = new Float32Array(vocabSize).fill(NaN);
  for (let i = 0; i < pairs.length; i += 2) logits[pairs[i]!] = pairs[i + 1]!;
  return logits;
}

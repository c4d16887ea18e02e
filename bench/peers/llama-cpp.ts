/** llama.cpp's raw speed, through the addon that node-llama-cpp ships: no sampling, no streaming, no text. */
import { llamaAddon, noLlamaCpp } from "../../packages/models/src/testing/llama-addon.ts";

export interface LlamaPeer {
  /** Milliseconds to evaluate ids that follow `past` earlier ones, and the logits of the last where asked for. */
  evaluate(ids: readonly number[], past: number, wantLogits?: boolean): Promise<{ ms: number; logits?: Float64Array }>;
  /** Forgets all tokens. */
  clear(): void;
  close(): Promise<void>;
}

/** Opens a file, or says why llama.cpp cannot be asked. */
export async function openLlamaCpp(path: string, { threads, contextSize }: { threads: number; contextSize: number }): Promise<LlamaPeer | string> {
  if (noLlamaCpp) return noLlamaCpp;
  const addon = await llamaAddon();
  const model = new addon.AddonModel(path, { addonExports: addon, gpuLayers: 0, useMmap: false });
  await model.init();
  const context = new addon.AddonContext(model, { contextSize, batchSize: contextSize, sequences: 1, flashAttention: true, threads, swaFullCache: true });
  await context.init();
  const sampler = new addon.AddonSampler(model);
  sampler.applyConfig({ temperature: 0 });
  return {
    async evaluate(ids, past, wantLogits = false) {
      const start = performance.now();
      context.initBatch(ids.length);
      const [at] = context.addToBatch(0, past, Uint32Array.from(ids), Uint32Array.of(ids.length - 1));
      await context.decodeBatch();
      const ms = performance.now() - start;
      return { ms, logits: wantLogits ? inOrder((await context.sampleToken(at!, sampler, false, false, true))[3]) : undefined };
    },
    clear: () => context.disposeSequence(0),
    async close() {
      sampler.dispose();
      await context.dispose();
      await model.dispose();
    },
  };
}

/** The addon lists token, logit, token, logit, best first. */
function inOrder(pairs: readonly number[]): Float64Array {
  const logits = new Float64Array(pairs.length / 2);
  for (let i = 0; i < pairs.length; i += 2) logits[pairs[i]!] = pairs[i + 1]!;
  return logits;
}

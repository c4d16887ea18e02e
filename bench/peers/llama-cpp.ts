/** llama.cpp's raw speed, through the addon that node-llama-cpp ships: no sampling, no streaming, no text. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

interface Addon {
  markLoaded(): boolean;
  setLoggerLogLevel(level: number): void;
  setLogger(logger: (level: number, message: string) => void): void;
  loadBackends(folder?: string): void;
  init(): Promise<void>;
  AddonModel: new (path: string, options: object) => { init(): Promise<boolean>; dispose(): Promise<void> };
  AddonContext: new (model: object, options: object) => Context;
  AddonSampler: new (model: object) => { applyConfig(config: object): void; dispose(): void };
}

interface Context {
  init(): Promise<boolean>;
  dispose(): Promise<void>;
  initBatch(size: number): void;
  addToBatch(sequence: number, first: number, tokens: Uint32Array, logitsAt: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  disposeSequence(sequence: number): void;
  sampleToken(at: number, sampler: object, probabilities: boolean, confidence: boolean, logits: boolean): Promise<[number, unknown, unknown, number[]]>;
}

export interface LlamaPeer {
  /** Milliseconds to evaluate ids that follow `past` earlier ones, and the logits of the last where asked for. */
  evaluate(ids: readonly number[], past: number, wantLogits?: boolean): Promise<{ ms: number; logits?: Float64Array }>;
  /** Forgets all tokens. */
  clear(): void;
  close(): Promise<void>;
}

const PACKAGE = `@node-llama-cpp/linux-${process.arch}`;
let loading: Promise<Addon> | undefined;

/** Opens a file, or says why llama.cpp cannot be asked. */
export async function openLlamaCpp(path: string, { threads, contextSize }: { threads: number; contextSize: number }): Promise<LlamaPeer | string> {
  const folders = createRequire(import.meta.url).resolve.paths(PACKAGE) ?? [];
  const binary = folders.map((folder) => join(folder, PACKAGE, "bins", `linux-${process.arch}`, "llama-addon.node")).find((file) => existsSync(file));
  if (!binary) return `${PACKAGE} is not installed`;
  const addon = await (loading ??= loadAddon(binary));
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

async function loadAddon(binary: string): Promise<Addon> {
  const addon = createRequire(import.meta.url)(binary) as Addon;
  addon.markLoaded();
  addon.setLogger(() => {});
  addon.setLoggerLogLevel(2);
  addon.loadBackends();
  addon.loadBackends(dirname(binary));
  await addon.init();
  return addon;
}

/** The addon lists token, logit, token, logit, best first. */
function inOrder(pairs: readonly number[]): Float64Array {
  const logits = new Float64Array(pairs.length / 2);
  for (let i = 0; i < pairs.length; i += 2) logits[pairs[i]!] = pairs[i + 1]!;
  return logits;
}

/** llama.cpp itself, through the addon that node-llama-cpp ships for this platform, to judge the files that we write. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

interface Addon {
  markLoaded(): boolean;
  setLoggerLogLevel(level: number): void;
  setLogger(logger: (level: number, message: string) => void): void;
  loadBackends(folder?: string): void;
  init(): Promise<void>;
  AddonModel: new (path: string, options: object) => { init(): Promise<boolean>; dispose(): Promise<void>; tokenize(text: string, special: boolean): Uint32Array };
  AddonContext: new (model: object, options: object) => Context;
  AddonSampler: new (model: object) => { applyConfig(config: object): void; dispose(): void };
}

interface Context {
  init(): Promise<boolean>;
  dispose(): Promise<void>;
  initBatch(size: number): void;
  addToBatch(sequence: number, first: number, tokens: Uint32Array, logitsAt: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  sampleToken(at: number, sampler: object, probabilities: boolean, confidence: boolean, logits: boolean): Promise<[number, unknown, unknown, number[]]>;
}

const PACKAGE = `@node-llama-cpp/${process.platform === "darwin" ? "mac" : process.platform === "win32" ? "win" : "linux"}-${process.arch}`;

/** Why llama.cpp cannot be asked here; undefined if it can. */
export const noLlamaCpp: string | undefined = addonPath() ? undefined : `${PACKAGE} is not installed`;

/** The package exports no path, so it is looked for as Node does. */
function addonPath(): string | undefined {
  const folders = createRequire(import.meta.url).resolve.paths(PACKAGE) ?? [];
  return folders.map((folder) => join(folder, PACKAGE, "bins", PACKAGE.split("/")[1]!, "llama-addon.node")).find((path) => existsSync(path));
}

let loading: Promise<Addon> | undefined;
const messages: string[] = [];

/** One copy for the process: the addon cannot be loaded twice. */
async function loadAddon(): Promise<Addon> {
  const path = addonPath()!;
  const addon = createRequire(import.meta.url)(path) as Addon;
  addon.markLoaded();
  addon.setLogger((_level, message) => messages.push(message));
  addon.setLoggerLogLevel(2);
  addon.loadBackends();
  addon.loadBackends(dirname(path));
  await addon.init();
  return addon;
}

/** Logits of llama.cpp at each position, or its messages where it refuses the file. */
export async function llamaCppLogits(path: string, ids: readonly number[], vocabSize: number): Promise<Float32Array[]> {
  const addon = await (loading ??= loadAddon());
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
  const addon = await (loading ??= loadAddon());
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

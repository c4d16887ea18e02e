/** The addon of llama.cpp that node-llama-cpp ships for this platform, without its library. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** What is used of it. */
export interface Addon {
  markLoaded(): boolean;
  setLoggerLogLevel(level: number): void;
  setLogger(logger: (level: number, message: string) => void): void;
  loadBackends(folder?: string): void;
  init(): Promise<void>;
  AddonModel: new (path: string, options: object) => { init(): Promise<boolean>; dispose(): Promise<void>; tokenize(text: string, special: boolean): Uint32Array };
  AddonContext: new (model: object, options: object) => Context;
  AddonSampler: new (model: object) => { applyConfig(config: object): void; dispose(): void };
}

/** A model that runs. */
export interface Context {
  init(): Promise<boolean>;
  dispose(): Promise<void>;
  initBatch(size: number): void;
  addToBatch(sequence: number, first: number, tokens: Uint32Array, logitsAt: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  disposeSequence(sequence: number): void;
  sampleToken(at: number, sampler: object, probabilities: boolean, confidence: boolean, logits: boolean): Promise<[number, unknown, unknown, number[]]>;
}

const PACKAGE = `@node-llama-cpp/${process.platform === "darwin" ? "mac" : process.platform === "win32" ? "win" : "linux"}-${process.arch}`;

/** Why llama.cpp cannot be asked here; undefined if it can. */
export const noLlamaCpp: string | undefined = addonPath() ? undefined : `${PACKAGE} is not installed`;

/** Where the addon and llama.cpp's libraries lie. */
export const llamaFolder = (): string => dirname(addonPath()!);

/** The package exports no path, so it is looked for as Node does. */
function addonPath(): string | undefined {
  const folders = createRequire(import.meta.url).resolve.paths(PACKAGE) ?? [];
  return folders.map((folder) => join(folder, PACKAGE, "bins", PACKAGE.split("/")[1]!, "llama-addon.node")).find((path) => existsSync(path));
}

let loading: Promise<Addon> | undefined;
/** What llama.cpp has said since this was emptied. */
export const messages: string[] = [];

/** One copy for the process: the addon cannot be loaded twice. */
export const llamaAddon = (): Promise<Addon> => (loading ??= loadAddon());

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

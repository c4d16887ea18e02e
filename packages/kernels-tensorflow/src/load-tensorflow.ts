import { ConfigError } from "@moekit/core";
import * as tf from "@tensorflow/tfjs";
import type { TensorflowBackend } from "./backend.js";
import { registerTensorflowKernels } from "./register.js";

/** What {@link loadTensorflow} found. @example const { gpu }: TensorflowInfo = await loadTensorflow(); */
export interface TensorflowInfo {
  /** The package that works here: `@tensorflow/tfjs-node-gpu` or `@tensorflow/tfjs-node`. */
  readonly package: string;
  /** Its version, e.g. `4.22.0`. */
  readonly version: string;
  /** True if TensorFlow runs on a GPU. The gpu package without CUDA 11.2 runs on the CPU and prints why on stderr. */
  readonly gpu: boolean;
}

/** The fastest first. */
const PACKAGES = ["@tensorflow/tfjs-node-gpu", "@tensorflow/tfjs-node"] as const;

/** What both packages export: all of tfjs, and their version. */
type Binding = typeof tf & { readonly version: Record<string, string> };

/**
 * Starts TensorFlow: imports `@tensorflow/tfjs-node-gpu`, or else `@tensorflow/tfjs-node`, makes `tensorflow` the active
 * backend and registers the kernels of this package.
 *
 * Neither package is a dependency, because they download TensorFlow when they are installed: install the one you want.
 *
 * @throws ConfigError if neither works, with the reason for each: it is not installed, Node is too new for it, its library
 * could not be loaded, or it brought a second copy of `@tensorflow/tfjs`. The active backend is then the one from before.
 * @example
 * const { package: name, gpu } = await loadTensorflow();
 * console.log(`${name} on ${gpu ? "GPU" : "CPU"}`);
 */
export const loadTensorflow = (): Promise<TensorflowInfo> => loadWith((name) => import(/* @vite-ignore */ /* webpackIgnore: true */ name));

/** Imports a package by name; tests put their own packages in. */
export type ImportPackage = (name: string) => Promise<unknown>;

export async function loadWith(importPackage: ImportPackage): Promise<TensorflowInfo> {
  const previous = tf.getBackend();
  const reasons: string[] = [];
  for (const name of PACKAGES) {
    try {
      return await start(name, importPackage);
    } catch (error) {
      reasons.push(`${name} ${reasonOf(error, name)}`);
      await restore(previous);
    }
  }
  throw new ConfigError(`loadTensorflow: TensorFlow must be installed and work; got: ${reasons.join("; ")}.`);
}

async function start(name: string, importPackage: ImportPackage): Promise<TensorflowInfo> {
  const imported = (await importPackage(name)) as Binding & { default?: Binding };
  const binding = imported.default ?? imported;
  if (binding.Tensor !== tf.Tensor) throw new SecondCopyError();
  if (!(await tf.setBackend("tensorflow"))) throw new Error("TensorFlow.js could not start it; its warning on the console says why");
  registerTensorflowKernels();
  tf.tidy(() => tf.add(1, 1).dataSync()); // Some failures show only when an op runs.
  const { isUsingGpuDevice } = tf.backend() as TensorflowBackend;
  return { package: name, version: binding.version["tfjs-node"]!, gpu: isUsingGpuDevice };
}

class SecondCopyError extends Error {}

/** The packages make their backend the active one when they are imported, whether it works or not. */
async function restore(previous: string): Promise<void> {
  if (previous !== "tensorflow" && tf.findBackend("tensorflow")) tf.removeBackend("tensorflow");
  if (previous) await tf.setBackend(previous);
}

function reasonOf(error: unknown, name: string): string {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof SecondCopyError) return `brings its own copy of @tensorflow/tfjs ("npm ls @tensorflow/tfjs" shows both): install the same version of both, or run "npm dedupe"`;
  if (isMissing(message, name)) return `is not installed (npm install ${name})`;
  if (/is not a function/.test(message) && nodeMajor() >= 23) return `does not work on Node ${process.versions.node}, which removed functions of node:util that it calls (${message}): use Node 20 or 22`;
  return `failed: ${message.split("\n")[0]!.replace(/\.$/, "")}`;
}

/** Not found, itself: a dependency of it that is missing is another failure. Node and bundlers word it differently; all quote the name. */
const isMissing = (message: string, name: string): boolean =>
  [`'${name}'`, `"${name}"`].some((quoted) => message.includes(`${quoted} imported`) || message.startsWith(`Cannot find module ${quoted}`));

const nodeMajor = (): number => Number.parseInt(process.versions.node, 10);

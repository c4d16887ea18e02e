import { createRequire } from "node:module";
import { dirname } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";

/** Backends that every machine has. */
export const BACKENDS = ["cpu", "wasm"] as const;

/** Makes a backend the active one. */
export async function useBackend(name: (typeof BACKENDS)[number]): Promise<void> {
  if (name === "wasm") setWasmPaths(`${dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm"))}/`);
  if (!(await tf.setBackend(name))) throw new Error(`backend ${name} is not available`);
  await tf.ready();
}

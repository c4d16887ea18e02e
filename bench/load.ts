/**
 * What the native backend adds to the start of a program: a fresh process imports TensorFlow.js, and then times the import of
 * the package, its registration and the first op. The built package is measured, so build it first.
 */
import { execFileSync } from "node:child_process";
import { type Measured, onBackends, type Options, type Outcome, type Result, summary } from "./lib/benchmark.ts";

const PROGRAM = `
  import * as tf from "@tensorflow/tfjs";
  const started = performance.now();
  const { registerNativeBackend } = await import("@moekit/kernels-native");
  registerNativeBackend();
  await tf.setBackend("moekit-native");
  const y = tf.matMul(tf.ones([4, 4]), tf.ones([4, 4])).dataSync();
  if (y[0] !== 4) throw new Error("a wrong product");
  console.log(performance.now() - started);
`;

export async function run({ backends = ["native"], ...options }: Options, report: (result: Result) => void): Promise<Outcome> {
  return onBackends({ ...options, backends }, async () => [measure(options.runs)], report);
}

/** The first process finds the files in no cache and is not counted. */
function measure(runs: number): Measured {
  const once = () => Number(execFileSync(process.execPath, ["--input-type=module", "--eval", PROGRAM], { encoding: "utf8" }));
  once();
  return { name: "import, registration and first product", ...summary(Array.from({ length: runs }, once)), facts: {} };
}

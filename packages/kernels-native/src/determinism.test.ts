import { createHash } from "node:crypto";
import { allCases } from "@moekit/core/cases";
import { toTensor } from "@moekit/testing";
import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { nativeInfo } from "./index.js";
import { battery } from "./testing/battery.js";
import { useSettings, whyNoKernels } from "./testing/native.js";

const sets = whyNoKernels ? ["none"] : nativeInfo().instructionSets;

describe.skipIf(whyNoKernels)("results do not depend on the number of threads, bit for bit,", () => {
  it.each(sets)("with %s", async (instructionSet) => {
    const results = [];
    for (const threads of [1, 2, 5]) {
      await useSettings({ instructionSet, threads });
      results.push(everyResult());
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });
});

/** A digest of the outputs of each op case, and of each of the battery's calls that add numbers up. */
function everyResult(): string[] {
  const ops = allCases.map((opCase) => ({ name: opCase.name, run: () => opCase.op.run(tensorsOf(opCase) as never, (opCase.attrs ?? {}) as never) }));
  const calls = battery.filter(({ name }) => /matMul|sum|mean|softmax|gradient/.test(name));
  return [...ops, ...calls].map(({ name, run }) => `${name}: ${digestOf(run)}`);
}

function digestOf(run: () => tf.Tensor | tf.Tensor[]): string {
  const sum = createHash("sha1");
  tf.tidy(() => {
    for (const t of [tryTo(run)].flat()) {
      const { buffer, byteOffset, byteLength } = t.dataSync() as Float32Array<ArrayBuffer>;
      sum.update(new Uint8Array(buffer, byteOffset, byteLength));
    }
  });
  return sum.digest("hex");
}

/** Some calls of the battery are refused. */
function tryTo(run: () => tf.Tensor | tf.Tensor[]): tf.Tensor | tf.Tensor[] {
  try {
    return run();
  } catch {
    return [];
  }
}

const tensorsOf = (opCase: (typeof allCases)[number]) => Object.fromEntries(Object.entries(opCase.inputs()).map(([name, array]) => [name, toTensor(array)]));

import * as tf from "@tensorflow/tfjs";
import { readsSynchronously } from "@moekit/core";
import type { HostInputs, OpCase } from "@moekit/core/cases";
import { expect } from "vitest";
import "./close-to.js";
import { gradCheck } from "./grad-check.js";
import { toTensor, valuesOf } from "./host-arrays.js";
import { expectNoLeaks } from "./leaks.js";
import { withoutReads } from "./reads.js";

/** Float32 sums of a few hundred terms. */
const TOLERANCE = 1e-5;
const GRADIENT_TOLERANCE = 1e-4;

/**
 * Compares an op on the active backend with its case's float64 reference: dtypes, shapes and values of the outputs, and
 * gradients against central differences. Nothing may leak, and where reading is not synchronous nothing may be read back.
 *
 * @example await checkOpCase(allCases[0]!);
 */
export async function checkOpCase(opCase: OpCase): Promise<void> {
  await expectNoLeaks(() => checkOutputs(opCase));
  if (opCase.differentiable?.length) await expectNoLeaks(() => checkGradients(opCase));
}

async function checkOutputs(opCase: OpCase): Promise<void> {
  const host = opCase.inputs();
  const wanted = opCase.reference(host, opCase.attrs ?? {});
  const outputs = withoutReadsOnDevices(() => tf.tidy(() => run(opCase, upload(host))));
  expect(outputs.map((t) => [t.dtype, ...t.shape])).toEqual(wanted.map((w) => [w.dtype, ...w.shape]));
  for (const [i, got] of (await valuesOf(outputs)).entries()) {
    expect(got, `output ${i}`).toBeCloseToArray(wanted[i]!.data, opCase.tolerance ?? TOLERANCE);
  }
}

async function checkGradients(opCase: OpCase): Promise<void> {
  await gradCheck({
    run: (tensors) => joined(run(opCase, tensors).filter(({ dtype }) => dtype === "float32")),
    reference: (host) => opCase.reference(host, opCase.attrs ?? {}).flatMap(({ dtype, data }) => (dtype === "float32" ? [...data] : [])),
    inputs: opCase.inputs(),
    by: opCase.differentiable,
    tolerance: opCase.gradientTolerance ?? GRADIENT_TOLERANCE,
    forbidReads: !readsSynchronously(),
  });
}

const withoutReadsOnDevices = <T>(compute: () => T): T => (readsSynchronously() ? compute() : withoutReads(compute));

const run = (opCase: OpCase, tensors: Record<string, tf.Tensor>): tf.Tensor[] => opCase.op.run(tensors as never, (opCase.attrs ?? {}) as never);
const upload = (host: HostInputs) => Object.fromEntries(Object.entries(host).map(([name, array]) => [name, toTensor(array)]));
const joined = (tensors: tf.Tensor[]): tf.Tensor => (tensors.length === 1 ? tensors[0]! : tf.concat(tensors.map((t) => tf.reshape(t, [-1]))));

import * as tf from "@tensorflow/tfjs";
import { disposeParameters, parameters } from "@moekit/core";
import { beforeEach, describe, expect, it } from "vitest";
import { BACKENDS, useBackend } from "../testing/fixtures.js";
import { ClampedExperts, clampedSwiglu } from "./clamped-experts.js";

const closeTo = (got: ArrayLike<number>, want: readonly number[], tolerance: number) => {
  expect(got.length).toBe(want.length);
  want.forEach((value, i) => expect(Math.abs(got[i]! - value), `${i}: ${got[i]} for ${value}`).toBeLessThanOrEqual(tolerance * (1 + Math.abs(value))));
};

const act = (gate: number, up: number): number => {
  const g = Math.min(gate, 7);
  return (Math.min(Math.max(up, -7), 7) + 1) * g / (1 + Math.exp(-1.702 * g));
};

/** Rows of expert 0 and 2, and an empty slot; wide enough for both limits. */
const offsets = () => tf.tensor1d([0, 2, 2, 3], "int32");
const rows = [[1, -2], [0.5, 4], [-3, 1], [1, 1]];
const sizes = { numExperts: 3, width: 4 };

/** The sum of squares of the outputs, in plain loops over flat weights. */
function loss64(values: Record<string, number[]>): number {
  const at = (name: string, e: number, o: number, i: number, inputs: number, outputs: number) => values[name]![(e * outputs + o) * inputs + i]!;
  let sum = 0;
  for (const [row, e] of [[0, 0], [1, 0], [2, 2]] as const) {
    const project = (name: string, bias: string, x: number[], outputs: number) => Array.from({ length: outputs }, (_, o) => x.reduce((y, xi, i) => y + xi * at(name, e, o, i, x.length, outputs), values[bias]![e * outputs + o]!));
    const [gate, up] = [project("gate", "gateBias", rows[row]!, 4), project("up", "upBias", rows[row]!, 4)];
    for (const y of project("down", "downBias", gate.map((g, f) => act(g, up[f]!)), 2)) sum += y * y;
  }
  return sum;
}

describe.each(BACKENDS)("ClampedExperts on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it("gates as gpt-oss does", () => {
    // (0.5 + 1) * 1 * sigmoid(1.702) = 1.268694; gate 7 and up -7: -6 * 7 * sigmoid(11.914); 3 * -8 * sigmoid(-13.616)
    closeTo(clampedSwiglu(tf.tensor1d([1, 10, -8]), tf.tensor1d([0.5, -9, 2])).dataSync(), [1.268694, -41.999719, -2.92993e-5], 1e-6);
  });

  it("equals plain loops, with all gradients, and gives empty slots 0", () => {
    const experts = new ClampedExperts(sizes, 2, "experts", { seed: 2, std: 2, residualStd: 1, tableStd: 0 });
    const variables = parameters(experts);
    for (const [name, bias] of Object.entries(variables)) if (name.endsWith("Bias")) tf.tidy(() => bias.assign(tf.randomNormal(bias.shape, 0, 1, "float32", name.length)));
    const values = Object.fromEntries(Object.entries(variables).map(([name, variable]) => [name, [...variable.dataSync()]]));
    const x = tf.tensor2d(rows);
    const y = experts.forward(x, { offsets: offsets() });
    expect([...tf.slice(y, [3, 0], [1, 2]).dataSync()]).toEqual([0, 0]);
    const { value, grads } = tf.variableGrads(() => tf.sum(tf.square(experts.forward(x, { offsets: offsets() }))), Object.values(variables));
    closeTo(value.dataSync(), [loss64(values)], 1e-5);
    for (const [name, variable] of Object.entries(variables)) {
      const slope = values[name]!.map((_, i) => {
        const moved = (by: number) => loss64({ ...values, [name]: values[name]!.map((v, j) => (i === j ? v + by : v)) });
        return (moved(1e-5) - moved(-1e-5)) / 2e-5;
      });
      closeTo(grads[variable.name]!.dataSync(), slope, 1e-4);
    }
    disposeParameters(experts);
  });

  it("leaves no tensors behind but its output", () => {
    const experts = new ClampedExperts(sizes, 2, "experts", { seed: 2, std: 1, residualStd: 1, tableStd: 0 });
    const [x, ends] = [tf.tensor2d(rows), offsets()];
    const before = tf.memory().numTensors;
    experts.forward(x, { offsets: ends }).dispose();
    expect(tf.memory().numTensors).toBe(before);
    disposeParameters(experts);
  });
});

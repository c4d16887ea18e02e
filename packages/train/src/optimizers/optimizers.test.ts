import * as tf from "@tensorflow/tfjs";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BACKENDS, useBackend } from "../testing/backends.js";
import { adamw, muon, newtonSchulz, parameterRole, type Optimizer, type ParameterRole } from "./index.js";

const values = (x: tf.Tensor) => Array.from(x.dataSync());

/** Applies one step to fresh parameters and returns them. */
function stepOnce(optimizer: Optimizer, start: Record<string, tf.Tensor>, gradients: Record<string, tf.Tensor>, learningRate: number): Record<string, tf.Variable> {
  const parameters = Object.fromEntries(Object.entries(start).map(([path, x]) => [path, tf.variable(x)]));
  optimizer.prepare(parameters);
  optimizer.step(gradients, { learningRate, step: 1 });
  return parameters;
}

describe.each(BACKENDS)("on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  describe("newtonSchulz", () => {
    it("gives the matrix of the recipe", () => {
      const x = values(newtonSchulz(tf.tensor2d([[1, 2], [3, 4]])));
      // float64 iteration; float32 sums of two terms over five steps stay within 2e-5.
      [-0.680661, 0.82554, 0.741295, 0.25944].forEach((want, i) => expect(x[i]).toBeCloseTo(want, 4));
    });

    it("brings all singular values of a random 32x64 matrix into [0.6, 1.2], either way round", () => {
      const g = tf.randomNormal([32, 64], 0, 1, "float32", 5) as tf.Tensor2D;
      for (const x of [newtonSchulz(g), tf.transpose(newtonSchulz(tf.transpose(g) as tf.Tensor2D))] as tf.Tensor2D[]) {
        const gram = tf.matMul(x, x, false, true).arraySync() as number[][];
        const eigenvalues = symmetricEigenvalues(gram);
        expect(Math.sqrt(Math.min(...eigenvalues))).toBeGreaterThan(0.6);
        expect(Math.sqrt(Math.max(...eigenvalues))).toBeLessThan(1.2);
      }
    });

    it("changes by less than 1e-5 when the matrix grows a hundredfold", () => {
      const g = tf.randomNormal([8, 8], 0, 1, "float32", 3) as tf.Tensor2D;
      const difference = tf.max(tf.abs(tf.sub(newtonSchulz(g), newtonSchulz(tf.mul(g, 100)))));
      expect(values(difference)[0]).toBeLessThan(1e-5);
    });

    it("treats each expert of a bank as a matrix of its own", () => {
      const bank = tf.randomNormal([3, 5, 4], 0, 1, "float32", 9) as tf.Tensor3D;
      const together = newtonSchulz(bank);
      tf.unstack(bank).forEach((matrix, e) => {
        const alone = values(newtonSchulz(matrix as tf.Tensor2D));
        values(tf.unstack(together)[e]!).forEach((value, i) => expect(value).toBeCloseTo(alone[i]!, 6));
      });
    });

    it("refuses a vector", () => expect(() => newtonSchulz(tf.ones([3]))).toThrow(/newtonSchulz: g must be \[..., R, C\]; got \[3\]/));

    it("leaves a zero matrix zero", () => expect(values(newtonSchulz(tf.zeros([3, 2]) as tf.Tensor2D)).every((x) => x === 0)).toBe(true));

    it("leaks no tensor", () => {
      const g = tf.ones([2, 4, 3]) as tf.Tensor3D;
      const before = tf.memory().numTensors;
      newtonSchulz(g).dispose();
      expect(tf.memory().numTensors).toBe(before);
    });
  });

  describe("adamw", () => {
    it("moves by the learning rate against the sign of the first gradient, plus decay", () => {
      // m / (1 - b1) = g and sqrt(v / (1 - b2)) = |g|, so the step is lr (sign(g) + wd p).
      const { w } = stepOnce(adamw({ weightDecay: 0.1 }), { w: tf.tensor2d([[2, -2], [4, 0]]) }, { w: tf.tensor2d([[5, -0.3], [0.01, 7]]) }, 0.01);
      [2 - 0.01 * 1.2, -2 + 0.01 * 1.2, 4 - 0.01 * 1.4, -0.01].forEach((want, i) => expect(values(w!)[i]).toBeCloseTo(want, 6));
    });

    it("decays matrices only: no vectors, norms and biases", () => {
      const zero = (shape: number[]) => [tf.ones(shape), tf.zeros(shape)] as const;
      const shapes: Record<string, number[]> = { "up.weight": [2, 2], "experts.up": [2, 2, 2], "experts.upBias": [2, 2], "up.bias": [2], "norm.weight": [2], scale: [2] };
      const start = Object.fromEntries(Object.entries(shapes).map(([path, shape]) => [path, zero(shape)[0]]));
      const gradients = Object.fromEntries(Object.entries(shapes).map(([path, shape]) => [path, zero(shape)[1]]));
      const after = stepOnce(adamw({ weightDecay: 0.5 }), start, gradients, 0.1);
      const first = Object.fromEntries(Object.entries(after).map(([path, x]) => [path, Number(values(x)[0]!.toFixed(6))]));
      expect(first).toEqual({ "up.weight": 0.95, "experts.up": 0.95, "experts.upBias": 1, "up.bias": 1, "norm.weight": 1, scale: 1 });
    });

    it("follows a float64 loop over five steps", () => {
      const x = tf.variable(tf.tensor2d([[0.5, -1.5], [0.25, 2]]));
      const optimizer = adamw({ beta1: 0.8, beta2: 0.9, eps: 1e-6, weightDecay: 0.2 });
      optimizer.prepare({ x });
      const p = [0.5, -1.5, 0.25, 2];
      const m = [0, 0, 0, 0];
      const v = [0, 0, 0, 0];
      for (let t = 1; t <= 5; t++) {
        const g = p.map((_, i) => Math.fround(Math.sin(t + i)));
        optimizer.step({ x: tf.tensor2d(g, [2, 2]) }, { learningRate: 0.05, step: t });
        g.forEach((gi, i) => {
          m[i] = 0.8 * m[i]! + 0.2 * gi;
          v[i] = 0.9 * v[i]! + 0.1 * gi * gi;
          p[i] = p[i]! - 0.05 * (m[i]! / (1 - 0.8 ** t) / (Math.sqrt(v[i]! / (1 - 0.9 ** t)) + 1e-6) + 0.2 * p[i]!);
        });
      }
      values(x).forEach((value, i) => expect(value).toBeCloseTo(p[i]!, 5));
    });

    it("leaves a parameter without a gradient as it is", () => {
      const { idle } = stepOnce(adamw(), { idle: tf.ones([2, 2]), busy: tf.ones([2, 2]) }, { busy: tf.ones([2, 2]) }, 0.1);
      expect(values(idle!)).toEqual([1, 1, 1, 1]);
    });
  });

  describe("muon", () => {
    const g = () => tf.tensor2d([[1, 2], [3, 4]]);
    const x = [-0.680661, 0.82554, 0.741295, 0.25944];

    it("takes the orthogonalised Nesterov step with decay", () => {
      // First step: buf = (1 - mu) g and u = g + mu (buf - g) are both multiples of g, so the direction is X of the recipe.
      const after = stepOnce(muon({ weightDecay: 0.5 }), { w: tf.ones([2, 2]) }, { w: g() }, 0.02).w!;
      values(after).forEach((value, i) => expect(value).toBeCloseTo(1 - 0.02 * 0.5 - 0.02 * x[i]!, 5));
    });

    it("scales tall matrices by the root of rows over columns, and by Moonlight's factor on request", () => {
      const tall = tf.tensor2d([[1], [2], [2], [4]].flatMap(([a]) => [a!, -a!]), [4, 2]);
      const direction = values(newtonSchulz(tall));
      const aspect = stepOnce(muon({ weightDecay: 0 }), { w: tf.zeros([4, 2]) }, { w: tall }, 1).w!;
      const moonlight = stepOnce(muon({ weightDecay: 0, scaling: "moonlight" }), { w: tf.zeros([4, 2]) }, { w: tall }, 1).w!;
      direction.forEach((value, i) => {
        expect(values(aspect)[i]).toBeCloseTo(-Math.SQRT2 * value, 5);
        expect(values(moonlight)[i]).toBeCloseTo(-0.2 * 2 * value, 5);
      });
    });

    it("does not move on a zero gradient", () => {
      const { w } = stepOnce(muon({ weightDecay: 0 }), { w: tf.ones([2, 3]) }, { w: tf.zeros([2, 3]) }, 0.1);
      expect(values(w!)).toEqual([1, 1, 1, 1, 1, 1]);
    });

    it("gives embeddings, heads, routers and vectors to AdamW at its own rate", () => {
      const paths = ["embedding", "head.weight", "layers.0.router.weight"];
      const start = Object.fromEntries(paths.map((path) => [path, tf.zeros([2, 2])]));
      const gradients = Object.fromEntries(paths.map((path) => [path, g()]));
      const after = stepOnce(muon({ adamwRate: 0.1 }), start, gradients, 0.02);
      for (const path of paths) values(after[path]!).forEach((value) => expect(value).toBeCloseTo(-0.002, 7));
    });

    it("continues its momentum: two steps equal a float64 loop's direction", () => {
      const w = tf.variable(tf.zeros([2, 2]));
      const optimizer = muon({ weightDecay: 0, momentum: 0.5 });
      optimizer.prepare({ w });
      optimizer.step({ w: g() }, { learningRate: 0, step: 1 });
      const second = tf.tensor2d([[0, 1], [1, 0]]);
      optimizer.step({ w: second }, { learningRate: 1, step: 2 });
      // buf = 0.5 g1, then 0.25 g1 + 0.5 g2; u = 0.5 g2 + 0.5 buf = 0.125 g1 + 0.75 g2.
      const want = values(newtonSchulz(tf.add(tf.mul(g(), 0.125), tf.mul(second, 0.75)) as tf.Tensor2D));
      values(w).forEach((value, i) => expect(value).toBeCloseTo(-want[i]!, 5));
    });
  });

  it.each([["adamw", adamw], ["muon", muon]] as const)("a step of %s leaks no tensor and dispose frees the state", (_name, create) => {
    const w = { "a.weight": tf.variable(tf.ones([3, 2])), bank: tf.variable(tf.ones([2, 3, 2])), norm: tf.variable(tf.ones([2])) };
    const gradients = Object.fromEntries(Object.entries(w).map(([path, x]) => [path, tf.onesLike(x)]));
    const empty = tf.memory().numTensors;
    const optimizer = create();
    optimizer.prepare(w);
    const before = tf.memory().numTensors;
    for (let step = 1; step <= 3; step++) optimizer.step(gradients, { learningRate: 0.1, step });
    expect(tf.memory().numTensors).toBe(before);
    optimizer.dispose();
    expect(tf.memory().numTensors).toBe(empty);
  });
});

describe("parameterRole", () => {
  it.each<[string, number[], ParameterRole]>([
    ["embedding", [11, 8], "embedding"],
    ["embedTokens.weight", [11, 8], "embedding"],
    ["lmHead.weight", [11, 8], "head"],
    ["head.bias", [11], "bias"],
    ["layers.0.attention.query.weight", [8, 8], "matrix"],
    ["layers.0.attention.queryNorm.weight", [4], "norm"],
    ["layers.0.moe.router.weight", [4, 8], "router"],
    ["layers.0.moe.experts.gate", [4, 6, 8], "bank"],
    ["layers.0.moe.experts.gateBias", [4, 6], "bias"],
    ["layers.0.moe.shared.ffn.up", [1, 6, 8], "bank"],
    ["layers.0.moe.shared.gate", [1, 8], "vector"],
    ["layers.0.moe.experts.constantVector", [3, 8], "vector"],
    ["layers.0.attention.multiHeadMix", [8, 8], "matrix"],
  ])("%s %j is a %s", (path, shape, role) => expect(parameterRole(path, shape)).toBe(role));
});

describe("settings", () => {
  afterEach(() => tf.disposeVariables());

  it("out of range are refused by name", () => {
    fc.assert(fc.property(fc.double({ min: 1, max: 9, noNaN: true }), (beta1) => void expect(() => adamw({ beta1 })).toThrow(/adamw: beta1 must be at most/)));
    expect(() => muon({ momentum: -1 })).toThrow(/muon: momentum must be a number of at least 0; got -1/);
    expect(() => muon({ scaling: "big" as "aspect" })).toThrow(/"big"; known names are aspect, moonlight/);
  });
});

/** Cyclic Jacobi rotations in float64. */
function symmetricEigenvalues(matrix: number[][]): number[] {
  const a = matrix.map((row) => [...row]);
  const n = a.length;
  for (let sweep = 0; sweep < 30; sweep++)
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) {
        if (Math.abs(a[p]![q]!) < 1e-14) continue;
        const theta = 0.5 * Math.atan2(2 * a[p]![q]!, a[q]![q]! - a[p]![p]!);
        const [c, s] = [Math.cos(theta), Math.sin(theta)];
        for (let k = 0; k < n; k++) [a[k]![p], a[k]![q]] = [c * a[k]![p]! - s * a[k]![q]!, s * a[k]![p]! + c * a[k]![q]!];
        for (let k = 0; k < n; k++) [a[p]![k], a[q]![k]] = [c * a[p]![k]! - s * a[q]![k]!, s * a[p]![k]! + c * a[q]![k]!];
      }
  return a.map((row, i) => row[i]!);
}

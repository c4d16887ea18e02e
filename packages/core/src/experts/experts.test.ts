import { fixedRouter, PLAIN_BACKENDS, tokenChoice, useBackend } from "@moekit/testing";
import * as tf from "@tensorflow/tfjs";
import type { Tensor2D } from "@tensorflow/tfjs";
import { beforeEach, describe, expect, it } from "vitest";
import { MoeLayer } from "../layer/moe-layer.js";
import { disposeParameters, loadParameters, parameters } from "../parameters.js";
import { randomNormal } from "../random.js";
import { MixedExperts } from "./mixed-experts.js";
import { SharedExpert } from "./shared-expert.js";
import { StackedExperts } from "./stacked-experts.js";

const normal = (rows: number, columns: number) => tf.tensor2d(randomNormal(rows * columns, { seed: 3, stream: "x" }), [rows, columns]);
const offsets = (...values: number[]) => ({ offsets: tf.tensor1d(values, "int32") });
const count = (module: object) => Object.values(parameters(module)).reduce((sum, v) => sum + v.size, 0);

describe.each(PLAIN_BACKENDS)("experts on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it("StackedExperts runs each row through its own expert", () => {
    // ReLU, D = F = 1: expert 0 is 3 relu(2 x + 1) + 0.5, expert 1 is -relu(x).
    const experts = new StackedExperts({ numExperts: 2, dim: 1, hidden: 1, kind: "relu", bias: true, seed: 1 });
    const column = (...v: number[]) => tf.tensor2d(v, [2, 1]);
    loadParameters(experts, { up: tf.tensor3d([2, 1], [2, 1, 1]), down: tf.tensor3d([3, -1], [2, 1, 1]), upBias: column(1, 0), downBias: column(0.5, 0) });
    const y = experts.forward(tf.tensor2d([[1], [-2], [4], [-4], [9]]), offsets(0, 2, 4));
    expect([...y.dataSync()]).toEqual([9.5, 0.5, -4, 0, 0]);
  });

  it("MixedExperts mixes a constant expert's vector in as its softmax says", () => {
    // MoE++, check 2: W x = (1, 0) gives a = (.731059, .268941); with x = 2 and v = 5: 2.806824.
    const ffn = new StackedExperts({ numExperts: 1, dim: 1, hidden: 1, seed: 1 });
    const experts = new MixedExperts({ ffn, dim: 1, constant: 1, seed: 1 });
    experts.constantMix!.assign(tf.tensor2d([[0.5, 0]]));
    experts.constantVector!.assign(tf.tensor2d([[5]]));
    const layer = new MoeLayer({ router: fixedRouter(tokenChoice([[1]], [[1]], 2)), experts });
    expect(layer.forward(tf.tensor2d([[2]])).y.dataSync()[0]).toBeCloseTo(2.806824, 6);
  });

  it("MixedExperts copies, discards and computes in one index space", () => {
    // Ids: ffn 0 and 1, copy 2, zero 3.
    const ffn = new StackedExperts({ numExperts: 2, dim: 3, hidden: 2, seed: 1, std: 0.5 });
    const experts = new MixedExperts({ ffn, dim: 3, copy: 1, zero: 1, seed: 1 });
    expect(experts.kinds).toEqual(["ffn", "ffn", "copy", "zero"]);
    const x = normal(3, 3);
    const run = (ids: number[][]) => new MoeLayer({ router: fixedRouter(tokenChoice(ids, ids.map(() => [1, 1]), 4)), experts }).forward(x).y.arraySync();
    const alone = new MoeLayer({ router: fixedRouter(tokenChoice([[1], [0], [1]], [[1], [1], [1]], 2)), experts: ffn }).forward(x).y.arraySync();
    expect(run([[2, 3], [3, 2], [2, -1]])).toEqual(x.arraySync());
    expect(run([[1, 3], [3, 0], [1, -1]])).toEqual(alone);
  });

  it("MixedExperts trains its constant experts", () => {
    const ffn = new StackedExperts({ numExperts: 1, dim: 3, hidden: 2, seed: 1 });
    const experts = new MixedExperts({ ffn, dim: 3, constant: 2, seed: 1 });
    const layer = new MoeLayer({ router: fixedRouter(tokenChoice([[1], [0], [1]], [[1], [1], [1]], 3)), experts });
    const { grads } = tf.variableGrads(() => tf.sum(tf.square(layer.forward(normal(3, 3)).y)));
    for (const variable of [experts.constantMix!, experts.constantVector!]) {
      const [used, unused] = tf.unstack(tf.sum(tf.abs(grads[variable.name]!), 1)).map((t) => t.dataSync()[0]!);
      expect([used! > 0, unused]).toEqual([true, 0]);
    }
    disposeParameters(layer);
  });

  it("SharedExpert of twice the width is the sum of two shared experts", () => {
    const x = normal(5, 4);
    const wide = new SharedExpert({ dim: 4, hidden: 6, seed: 1, std: 0.5 });
    const halves = [0, 1].map((half) => {
      const part = new SharedExpert({ dim: 4, hidden: 3, seed: 1 });
      const cut = (name: "gate" | "up" | "down", axis: number) => tf.split(wide.ffn[name]!, 2, axis)[half]!;
      loadParameters(part, { "ffn.gate": cut("gate", 1), "ffn.up": cut("up", 1), "ffn.down": cut("down", 2) });
      return part.forward(x);
    });
    const difference = tf.max(tf.abs(tf.sub(wide.forward(x), tf.addN(halves)))).dataSync()[0];
    expect(difference).toBeLessThan(1e-5);
  });

  it("SharedExpert multiplies by the sigmoid of its gate", () => {
    const x = normal(4, 3);
    const shared = new SharedExpert({ dim: 3, hidden: 2, gated: true, seed: 1, std: 0.5 });
    const plain = shared.ffn.forward(x, offsets(0, 4));
    const open = tf.sigmoid(tf.matMul(x, shared.gate as Tensor2D, false, true));
    expect(tf.max(tf.abs(tf.sub(shared.forward(x), tf.mul(plain, open)))).dataSync()[0]).toBeLessThan(1e-6);
  });
});

describe("experts", () => {
  beforeEach(() => useBackend("cpu"));

  it("have the parameters that their form needs, under stable names", () => {
    const shapes = (module: object) => Object.fromEntries(Object.entries(parameters(module)).map(([name, v]) => [name, v.shape.join()]));
    const sizes = { numExperts: 4, dim: 3, hidden: 5, seed: 1 };
    expect(shapes(new StackedExperts(sizes))).toEqual({ gate: "4,5,3", up: "4,5,3", down: "4,3,5" });
    expect(shapes(new StackedExperts({ ...sizes, kind: "gelu", bias: true }))).toEqual({ up: "4,5,3", down: "4,3,5", upBias: "4,5", downBias: "4,3" });
    expect(shapes(new SharedExpert({ ...sizes, gated: true }))).toEqual({ "ffn.gate": "1,5,3", "ffn.up": "1,5,3", "ffn.down": "1,3,5", gate: "1,3" });
  });

  it("cost the same when cut finer or shared, at equal active width", () => {
    // DeepSeekMoE, check 1: 8 experts of 32 with 2 active, 32 of 8 with 8 active, 1 shared + 31 of 8 with 7 active.
    const bank = (numExperts: number, hidden: number) => count(new StackedExperts({ numExperts, dim: 16, hidden, seed: 1 }));
    const shared = count(new SharedExpert({ dim: 16, hidden: 8, seed: 1 }));
    expect([bank(32, 8), bank(31, 8) + shared]).toEqual([bank(8, 32), bank(8, 32)]);
    expect([(bank(32, 8) / 32) * 8, (bank(31, 8) / 31) * 7 + shared]).toEqual([(bank(8, 32) / 8) * 2, (bank(8, 32) / 8) * 2]);
  });

  it("start alike for equal seeds and streams only", () => {
    const up = (options: { seed: number; stream?: string }) => [...new StackedExperts({ numExperts: 1, dim: 2, hidden: 2, ...options }).up.dataSync()];
    expect(up({ seed: 1 })).toEqual(up({ seed: 1 }));
    expect(up({ seed: 1 })).not.toEqual(up({ seed: 2 }));
    expect(up({ seed: 1, stream: "layers.0" })).not.toEqual(up({ seed: 1, stream: "layers.1" }));
  });

  it("refuse sizes that make no sense", () => {
    expect(() => new StackedExperts({ numExperts: 0, dim: 2, hidden: 2, seed: 1 })).toThrow("StackedExperts: numExperts must be a whole number above 0; got 0.");
    const ffn = new StackedExperts({ numExperts: 1, dim: 2, hidden: 2, seed: 1 });
    expect(() => new MixedExperts({ ffn, dim: 2, copy: -1, seed: 1 })).toThrow("MixedExperts: copy must be a whole number from 0; got -1.");
  });
});

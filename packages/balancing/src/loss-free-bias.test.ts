import * as tf from "@tensorflow/tfjs";
import fc from "fast-check";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { LossFreeBias, type LossFreeBiasOptions } from "./loss-free-bias.js";
import { BACKENDS, closeTo, REMOTE, useBackend } from "./testing/layer-routing.js";

const biasOf = (numExperts: number) => tf.tidy(() => tf.variable(tf.zeros([numExperts]), false)) as tf.Variable<tf.Rank.R1>;

/** The bias after one update from zero, in units of 0.001. */
function updated(counts: number[], options: Partial<LossFreeBiasOptions> = {}): number[] {
  const expertBias = biasOf(counts.length);
  new LossFreeBias({ layers: [{ layer: 0, expertBias }], ...options }).afterStep([{ layer: 0, counts: Float32Array.from(counts) }]);
  return [...expertBias.dataSync()].map((b) => Math.round(b * 1e8) / 1e5);
}

describe.each(BACKENDS)("LossFreeBias on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it("moves the bias by the sign of what is missing to the mean (check 1)", () => {
    expect(updated([3, 1, 0, 4])).toEqual([-1, 1, 1, -1]);
    expect(updated([10, 1, 1, 0])).toEqual([-1, 1, 1, 1]);
    expect(updated([5, 5, 5, 5])).toEqual([0, 0, 0, 0]);
    expect(updated([2, 1, 3])).toEqual([0, 1, -1]);
  });

  it("centred keeps the sum of the biases", () => {
    expect(updated([10, 1, 1, 0], { centred: true })).toEqual([-1.5, 0.5, 0.5, 0.5]);
    expect(updated([10, 2, 2, 2], { centred: true })).toEqual([-1.5, 0.5, 0.5, 0.5]);
  });

  it("proportional moves it by the error relative to the mean", () => {
    expect(updated([3, 1, 0, 4], { rule: "proportional" })).toEqual([-0.5, 0.5, 1, -1]);
    expect(updated([300, 100, 0, 400], { rule: "proportional" })).toEqual([-0.5, 0.5, 1, -1]);
  });

  it("keeps the routers of one layer apart", () => {
    const [inAttention, inFeedForward] = [biasOf(2), biasOf(2)];
    const controller = new LossFreeBias({ layers: [{ layer: 0, part: "attention", expertBias: inAttention }, { layer: 0, expertBias: inFeedForward }], speed: 1 });
    controller.afterStep([{ layer: 0, part: "attention", counts: Float32Array.of(3, 1) }, { layer: 0, counts: Float32Array.of(0, 4) }]);
    expect([...inAttention.dataSync(), ...inFeedForward.dataSync()]).toEqual([-1, 1, 1, -1]);
    expect(Object.keys(controller.state())).toEqual(["0.attention.expertBias", "0.expertBias", "updates", "frozen"]);
    expect(() => controller.afterStep([{ layer: 0, counts: Float32Array.of(0, 4) }])).toThrow("counts of layer 0.attention must have one number for each of its 2 experts; got none");
    const twice = { layer: 1, part: "attention", expertBias: inAttention };
    expect(() => new LossFreeBias({ layers: [twice, twice] })).toThrow("each layer must be listed once; got 1.attention, 1.attention");
  });

  it("leaves a layer without tokens alone", () => expect(updated([0, 0, 0])).toEqual([0, 0, 0]));

  it("follows a schedule by the number of updates, and stops when frozen", () => {
    const expertBias = biasOf(2);
    const controller = new LossFreeBias({ layers: [{ layer: 0, expertBias }], speed: (update) => [0.5, 0.25][update] ?? 0 });
    const step = () => controller.afterStep([{ layer: 0, counts: new Float32Array([0, 2]) }]);
    const seen = [1, 2, 3].map(() => (step(), expertBias.dataSync()[0]));
    expect(seen).toEqual([0.5, 0.75, 0.75]);
    const fixed = new LossFreeBias({ layers: [{ layer: 0, expertBias }], speed: 1 });
    fixed.freeze();
    fixed.afterStep([{ layer: 0, counts: new Float32Array([0, 2]) }]);
    expect([fixed.frozen, controller.frozen, expertBias.dataSync()[0]]).toEqual([true, false, 0.75]);
  });

  it("goes on after its state was restored, as a checkpoint does", () => {
    const speed = (update: number) => 2 ** -update;
    const make = () => {
      const expertBias = biasOf(2);
      return { expertBias, controller: new LossFreeBias({ layers: [{ layer: 3, expertBias }], speed }) };
    };
    const step = ({ controller }: ReturnType<typeof make>) => controller.afterStep([{ layer: 3, counts: new Float32Array([4, 0]) }]);
    const [whole, resumed] = [make(), make()];
    step(whole);
    for (const [name, value] of Object.entries(whole.controller.state())) (resumed.controller.state()[name] as tf.Variable).assign(tf.clone(value));
    step(whole);
    step(resumed);
    expect([...resumed.expertBias.dataSync()]).toEqual([-1.5, 1.5]);
    expect([...resumed.expertBias.dataSync()]).toEqual([...whole.expertBias.dataSync()]);
    expect(Object.keys(whole.controller.state())).toEqual(["3.expertBias", "updates", "frozen"]);
    expect(Object.values(whole.controller.state()).every((state) => state instanceof tf.Variable)).toBe(true);
  });

  it("leaves no tensors behind", () => {
    const expertBias = biasOf(2);
    const before = tf.memory().numTensors;
    const controller = new LossFreeBias({ layers: [{ layer: 0, expertBias }] });
    controller.afterStep([{ layer: 0, counts: new Float32Array([0, 2]) }]);
    controller.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe("LossFreeBias", () => {
  beforeEach(() => useBackend("cpu"));

  it("balances fixed scores to within 3 tokens in 4000 updates (check 5)", () => {
    // 512 tokens, 8 experts: scores of sigmoid(N(0, 1) + an offset of each expert)
    const offset = tf.randomNormal([1, 8], 0, 0.5, "float32", 2);
    const scores = tf.sigmoid(tf.add(tf.randomNormal([512, 8], 0, 1, "float32", 1), offset)).arraySync() as number[][];
    for (const k of [1, 2]) {
      const expertBias = biasOf(8);
      const controller = new LossFreeBias({ layers: [{ layer: 0, expertBias }] });
      const error = (counts: Float32Array) => Math.max(...counts.map((count) => Math.abs(count - 64 * k)));
      expect(error(choose(scores, expertBias.dataSync(), k))).toBeGreaterThan(30);
      for (let update = 0; update < 4000; update++) controller.afterStep([{ layer: 0, counts: choose(scores, expertBias.dataSync(), k) }]);
      expect(error(choose(scores, expertBias.dataSync(), k))).toBeLessThanOrEqual(3);
    }
  });

  it("names a layer whose counts are missing or of another size, and one listed twice; then nothing moves", () => {
    const layers = [{ layer: 0, expertBias: biasOf(2) }, { layer: 1, expertBias: biasOf(2) }];
    const controller = new LossFreeBias({ layers });
    expect(() => controller.afterStep([{ layer: 0, counts: new Float32Array([0, 2]) }])).toThrow("counts of layer 1 must have one number for each of its 2 experts; got none");
    expect(() => controller.afterStep([{ layer: 0, counts: new Float32Array(2) }, { layer: 1, counts: new Float32Array(3) }])).toThrow("got 3");
    expect(() => controller.afterStep([{ layer: 0, counts: new Float32Array([0, 2]) }, { layer: 1, counts: new Float32Array([1, NaN]) }])).toThrow("counts of layer 1 must be numbers; got 1, NaN");
    expect([...layers[0]!.expertBias.dataSync()]).toEqual([0, 0]);
    expect(() => new LossFreeBias({ layers: [layers[0]!, layers[0]!] })).toThrow("each layer must be listed once; got 0, 0");
  });

  it("refuses settings that are none", () => {
    const create = (options: object) => () => new LossFreeBias({ layers: [], ...options });
    expect(create({ rule: "signs" })).toThrow('LossFreeBias: rule must be sign or proportional; got "signs".');
    expect(create({ speed: NaN })).toThrow("speed must be a number of 0 or more; got NaN");
    expect(create({ centred: 1 })).toThrow("centred must be true or false; got 1");
    expect(() => create({ speed: (update: number) => -update - 1 })().afterStep([])).toThrow("speed of update 0 must be a number of 0 or more; got -1");
  });

  it("reads nothing back where that is not free, however often it moves", async () => {
    await useBackend(REMOTE);
    const layers = [{ layer: 0, expertBias: biasOf(3) }];
    const controller = new LossFreeBias({ layers, speed: (update) => update + 1 });
    const reads = vi.spyOn(tf.engine(), "readSync");
    for (let step = 0; step < 3; step++) {
      reads.mockClear();
      // Only its own two scalars, which never leave the host.
      const own = Object.values(controller.state()).filter((tensor) => tensor.rank === 0).map(({ dataId }) => dataId);
      controller.afterStep([{ layer: 0, counts: new Float32Array([2, 1, 0]) }]);
      expect([reads.mock.calls.length, reads.mock.calls.every(([dataId]) => own.includes(dataId))]).toEqual([2, true]);
    }
    reads.mockRestore();
    expect([...layers[0]!.expertBias.dataSync()]).toEqual([-6, 0, 6]);
  });

  it("centred steps sum to 0 and choose as plain ones do, whatever the counts", () => {
    const counts = fc.array(fc.nat(1000), { minLength: 2, maxLength: 9 });
    fc.assert(
      fc.property(counts, (c) => {
        const [plain, centred] = [updated(c), updated(c, { centred: true })];
        closeTo(centred.reduce((a, b) => a + b, 0), 0, 1e-4);
        const shift = plain[0]! - centred[0]!;
        plain.forEach((b, e) => closeTo(b - centred[e]!, shift, 1e-4));
      }),
      { numRuns: 50, seed: 1 },
    );
  });
});

/** Counts of the top k by score plus bias. */
function choose(scores: number[][], bias: ArrayLike<number>, k: number): Float32Array {
  const counts = new Float32Array(bias.length);
  for (const row of scores) {
    const biased = row.map((score, e) => score + bias[e]!);
    for (let slot = 0; slot < k; slot++) {
      const best = biased.indexOf(Math.max(...biased));
      counts[best]!++;
      biased[best] = -Infinity;
    }
  }
  return counts;
}

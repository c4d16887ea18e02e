import * as tf from "@tensorflow/tfjs";
import { beforeEach, describe, expect, it } from "vitest";
import recorded from "./fixtures/mixtral-aux-loss.json" with { type: "json" };
import { huggingFaceAuxLoss } from "./hugging-face-aux-loss.js";
import { BACKENDS, best64, closeTo, expectNoLeak, expectSame, LOGITS, routed, softmax64, sum, useBackend, valueOf } from "./testing/layer-routing.js";

const OTHER = [[0.3, 0.2, 0], [1, -1, 2], [0, 0.5, 0.25], [-2, 0, 1]];
const valueFor = (trace: Parameters<ReturnType<typeof huggingFaceAuxLoss>["loss"]>[0]) => huggingFaceAuxLoss().loss(trace)[0]!.value;

describe.each(BACKENDS)("huggingFaceAuxLoss on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it("is what transformers computes for Mixtral's router logits", () => {
    const trace = recorded.routerLogits.map((logits, layer) => routed(logits, { k: recorded.topK, layer }));
    closeTo(valueOf(valueFor(trace)), recorded.auxLoss, 1e-6);
  });

  it("is over all layers together: k at perfect balance, whatever their number", () => {
    const expertIds = tf.tensor2d([[0, 1], [1, 2], [2, 0]], [3, 2], "int32");
    const layer = () => routed(tf.zeros([3, 3]), { routing: { expertIds } });
    closeTo(valueOf(valueFor([layer(), layer(), layer()])), 2);
  });

  it("agrees with a float64 loop over the concatenated logits, the load a constant", () => {
    const chosen = [...LOGITS, ...OTHER].flatMap((row) => best64(row, 2));
    const f = [0, 1, 2].map((e) => chosen.filter((id) => id === e).length / 8);
    const reference = (logits: number[][]) => 3 * sum(f.map((share, e) => share * (sum([...logits, ...OTHER].map((row) => softmax64(row)[e]!)) / 8)));
    expectSame((x) => valueFor([routed(x, { k: 2 }), routed(OTHER, { k: 2, layer: 1 })]), reference, LOGITS);
  });

  it("counts the most probable experts where other scores chose, as transformers does", () => {
    const plain = [routed(LOGITS, { k: 2 }), routed(OTHER, { k: 2, layer: 1 })];
    const steered = plain.map((entry) => ({ ...entry, routing: { ...entry.routing, selectionScores: tf.zeros([4, 3]), expertIds: tf.zeros([4, 2], "int32"), probs: tf.zeros([4, 3]) } })) as typeof plain;
    closeTo(valueOf(valueFor(steered)), valueOf(valueFor(plain)));
  });

  it("leaves padding out of all layers", () => {
    const context = { valid: tf.tensor1d([1, 1, 1, 1, 0]) };
    const padded = [LOGITS, OTHER].map((logits, layer) => routed([...logits, [9, 9, -9]], { k: 2, layer, context }));
    closeTo(valueOf(valueFor(padded)), valueOf(valueFor([LOGITS, OTHER].map((logits, layer) => routed(logits, { k: 2, layer })))));
  });

  it("leaves no tensors behind", () => {
    const trace = [routed(LOGITS), routed(OTHER)];
    expectNoLeak(() => huggingFaceAuxLoss().loss(trace));
  });
});

describe("huggingFaceAuxLoss", () => {
  beforeEach(() => useBackend("cpu"));

  it("is one term of no layer, and none without layers", () => {
    const [term, ...others] = huggingFaceAuxLoss({ coefficient: ({ step }) => step / 10 }).loss([routed(LOGITS, { layer: 1, context: { step: 3 } }), routed(OTHER, { layer: 2 })]);
    expect([term!.layer, term!.coefficient, others]).toEqual([undefined, 0.3, []]);
    expect(huggingFaceAuxLoss().loss([])).toEqual([]);
  });

  it("refuses layers with different numbers of experts, and coefficients by layer", () => {
    expect(() => valueFor([routed(LOGITS), routed([[1, 2]])])).toThrow("the same number of experts; got 3, 2");
    expect(() => huggingFaceAuxLoss({ coefficient: [1, 2] })).toThrow("coefficient must be one number");
  });
});

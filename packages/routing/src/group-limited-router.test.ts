import * as tf from "@tensorflow/tfjs";
import { beforeEach, describe, expect, it } from "vitest";
import { GroupLimitedRouter, type GroupLimitedRouterOptions } from "./group-limited-router.js";
import { allClose, BACKENDS, expectGateGradient, gates, identityGate, ids, softmax64, useBackend } from "./testing/routers.js";
import { TopKRouter } from "./top-k-router.js";

const LOGITS = [1.2, 0.3, -0.5, 0.9, -1, 0.1, 0.8, -0.2];
const router = (options: Partial<GroupLimitedRouterOptions>) => new GroupLimitedRouter({ ...identityGate(8), ...options });

describe.each(BACKENDS)("GroupLimitedRouter on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it("takes the best experts of the groups that hold the most probable ones, and scales their probabilities", () => {
    const p = softmax64(LOGITS);
    // The largest logits of the groups: 1.2, .9, .1, .8. Two groups: experts 0 to 3, of which 0, 3 and 1 are best.
    const routing = router({ topK: 3, numGroups: 4, topKGroups: 2, routedScalingFactor: 16 }).route(tf.tensor2d([LOGITS]));
    expect(ids(routing)).toEqual([[0, 3, 1]]);
    allClose(gates(routing)[0]!, [16 * p[0]!, 16 * p[3]!, 16 * p[1]!]);
    allClose(routing.probs.dataSync(), p);
  });

  it("is plain top-k softmax with one group, or with all groups", () => {
    const x = tf.randomNormal<tf.Rank.R2>([40, 8], 0, 1, "float32", 2);
    const plain = new TopKRouter({ ...identityGate(8), topK: 3 }).route(x);
    for (const groups of [{}, { numGroups: 4, topKGroups: 4 }]) {
      const routing = router({ topK: 3, ...groups }).route(x);
      expect(ids(routing)).toEqual(ids(plain));
      allClose(routing.gates.dataSync(), plain.gates.dataSync());
    }
  });

  it("divides the gates by their sum instead of scaling them, where the authors' norm_topk_prob asks for it", () => {
    const p = softmax64(LOGITS);
    const routing = router({ topK: 2, numGroups: 4, topKGroups: 1, routedScalingFactor: 16, renormalise: true }).route(tf.tensor2d([LOGITS]));
    expect(ids(routing)).toEqual([[0, 1]]);
    allClose(gates(routing)[0]!, [p[0]! / (p[0]! + p[1]!), p[1]! / (p[0]! + p[1]!)]);
  });

  it("gates and their gradient agree with a float64 loop", () => {
    const reference = ([logits]: number[][]) => 2 * (0.7 * softmax64(logits!)[0]! - 1.3 * softmax64(logits!)[1]!);
    expectGateGradient((x) => router({ topK: 2, numGroups: 4, topKGroups: 1, routedScalingFactor: 2 }).route(x), [[0.7, -1.3]], reference, [LOGITS]);
  });
});

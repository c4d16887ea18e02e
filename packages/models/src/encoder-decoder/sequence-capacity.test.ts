import * as tf from "@tensorflow/tfjs";
import type { TokenChoice } from "@moekit/core";
import { beforeAll, describe, expect, it } from "vitest";
import { BACKENDS, useBackend } from "../testing/fixtures.js";
import { limitBySequence } from "./sequence-capacity.js";

const choice = (ids: number[], gates = ids.map(() => 0.5)): TokenChoice => {
  const logits = tf.zeros([ids.length, 3]) as tf.Tensor2D;
  return { kind: "token-choice", numExperts: 3, logits, probs: tf.softmax(logits), expertIds: tf.tensor2d(ids, [ids.length, 1], "int32"), gates: tf.tensor2d(gates, [ids.length, 1]) };
};

describe.each(BACKENDS)("limitBySequence on %s", (backend) => {
  beforeAll(() => useBackend(backend));

  it("counts within each sequence, in order", () => {
    tf.tidy(() => {
      const { routing, taken } = limitBySequence(choice([0, 0, 1, 0, 0, 2, 0, 0]), 2, 2);
      expect([...routing.expertIds.dataSync()]).toEqual([0, 0, 1, -1, 0, 2, 0, -1]);
      expect([...routing.gates.dataSync()]).toEqual([0.5, 0.5, 0.5, 0, 0.5, 0.5, 0.5, 0]);
      expect([...routing.dropped!.dataSync()]).toEqual([0, 0, 0, 1, 0, 0, 0, 1]);
      expect([...routing.chosenIds!.dataSync()]).toEqual([0, 0, 1, 0, 0, 2, 0, 0]);
      expect(taken.arraySync()).toEqual([[3, 1, 0], [3, 0, 1]]);
    });
  });

  it("goes on from earlier tokens, so that pieces give what the whole gives", () => {
    tf.tidy(() => {
      const ids = [1, 1, 0, 1, 0, 0, 1, 2];
      const whole = [...limitBySequence(choice(ids), 1, 2).routing.expertIds.dataSync()];
      let taken: tf.Tensor2D | undefined;
      const pieces = [ids.slice(0, 3), ids.slice(3, 4), ids.slice(4)].flatMap((piece) => {
        const limited = limitBySequence(choice(piece), 1, 2, taken);
        taken = limited.taken;
        return [...limited.routing.expertIds.dataSync()];
      });
      expect(whole).toEqual([1, 1, 0, -1, 0, -1, -1, 2]);
      expect(pieces).toEqual(whole);
    });
  });
});

import * as tf from "@tensorflow/tfjs";
import { beforeEach, describe, expect, it } from "vitest";
import { sequenceLoss, type SequenceLossOptions } from "./sequence-loss.js";
import { switchLoss } from "./switch-loss.js";
import { BACKENDS, best64, closeTo, expectNoLeak, expectSame, LOGITS, REMOTE, routed, softmax64, sum, useBackend, valueOf } from "./testing/layer-routing.js";

function entryOf(logits: tf.Tensor2D | number[][], sequences: number[], valid?: number[]) {
  return routed(logits, { k: 2, context: { sequenceIds: tf.tensor1d(sequences, "int32"), valid: valid && tf.tensor1d(valid) } });
}
/** Where ids cannot be read, their number must be said; elsewhere it is left out, so that both ways are tested. */
const needed = (): SequenceLossOptions => (tf.getBackend() === REMOTE ? { numSequences: 6 } : {});
const lossOf = (logits: tf.Tensor2D | number[][], sequences: number[], options: SequenceLossOptions = needed(), valid?: number[]) => sequenceLoss(options).loss([entryOf(logits, sequences, valid)])[0]!.value;

describe.each(BACKENDS)("sequenceLoss on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it("is the mean of the sequences' own losses, which is not the loss of the batch", () => {
    closeTo(valueOf(lossOf(LOGITS.slice(0, 2), [0, 0])), 0.933546); // below 1 is legal
    closeTo(valueOf(lossOf(LOGITS.slice(2), [0, 0])), 1.181621);
    closeTo(valueOf(lossOf(LOGITS, [0, 0, 1, 1])), 1.057584);
    closeTo(valueOf(switchLoss().loss([entryOf(LOGITS, [0, 0, 1, 1])])[0]!.value), 1.02602);
  });

  it("is the loss of the batch for one sequence", () => closeTo(valueOf(lossOf(LOGITS, [0, 0, 0, 0])), 1.02602));

  it("does not mind the order of tokens, nor sequences without tokens", () => {
    const mixed = [LOGITS[2]!, LOGITS[0]!, LOGITS[3]!, LOGITS[1]!];
    closeTo(valueOf(lossOf(mixed, [4, 1, 4, 1])), 1.057584);
    closeTo(valueOf(lossOf(mixed, [4, 1, 4, 1], { numSequences: 9 })), 1.057584);
  });

  it("leaves padding out, and sequences that are all padding", () => {
    const padded = [...LOGITS, [0, 4, 0], [3, 3, 0]];
    closeTo(valueOf(lossOf(padded, [0, 0, 1, 1, 1, 2], needed(), [1, 1, 1, 1, 0, 0])), 1.057584);
  });

  it("agrees with a float64 loop, the load a constant", () => {
    const sequences = [[0, 1], [2, 3]];
    const f = sequences.map((tokens) => [0, 1, 2].map((e) => sum(tokens.map((t) => Number(best64(LOGITS[t]!, 2).includes(e)))) / 4));
    const reference = (logits: number[][]) => sum(sequences.map((tokens, s) => 3 * sum(f[s]!.map((share, e) => share * sum(tokens.map((t) => softmax64(logits[t]!)[e]! / 2)))))) / 2;
    expectSame((x) => lossOf(x, [0, 0, 1, 1]), reference, LOGITS);
  });

  it("leaves no tensors behind", () => {
    const entry = entryOf(LOGITS, [0, 0, 1, 1]);
    expectNoLeak(() => sequenceLoss(needed()).loss([entry]));
  });
});

describe("sequenceLoss", () => {
  it("needs sequence ids", async () => {
    await useBackend("cpu");
    expect(() => sequenceLoss().loss([routed(LOGITS)])).toThrow("context.sequenceIds must be given");
  });

  it("refuses a sequence id past the last one rather than leave it out, and a number that is none", async () => {
    await useBackend("cpu");
    expect(() => lossOf(LOGITS, [0, 0, 1, 2], { numSequences: 2 })).toThrow("context.sequenceIds must be below numSequences = 2; got 2");
    expect(() => sequenceLoss({ numSequences: 0 })).toThrow("numSequences must be a whole number from 1 up; got 0");
  });

  it("needs the number of sequences where ids cannot be read", async () => {
    await useBackend(REMOTE);
    expect(() => lossOf(LOGITS, [0, 0, 1, 1], {})).toThrow("numSequences must be given on the backend remote-cpu");
    closeTo(valueOf(lossOf(LOGITS, [0, 0, 1, 1], { numSequences: 2 })), 1.057584);
  });
});

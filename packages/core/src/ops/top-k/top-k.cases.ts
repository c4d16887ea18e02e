import { float32, type HostArray, type HostInputs, int32, type OpCase, uniform } from "../op-case.js";
import { given, host } from "../host-loops.js";
import { topKOp } from "./top-k.js";

const topKCase = (name: string, scores: HostArray, k: number, extra: Partial<OpCase> = {}): OpCase => ({
  name: `topK: ${name}`,
  op: topKOp,
  inputs: () => ({ scores }),
  attrs: { k },
  reference: (inputs) => chooseByLoop(inputs, k),
  differentiable: ["scores"],
  ...extra,
});

export const topKCases: OpCase[] = [
  topKCase("no tokens", uniform([0, 5], 1), 2),
  topKCase("one expert", uniform([7, 1], 2), 1),
  topKCase("13 tokens, 3 of 11 experts", uniform([13, 11], 3), 3),
  topKCase("all experts chosen", uniform([5, 7], 4), 7),
  topKCase("64 experts, top 8", uniform([128, 64], 5), 8, { differentiable: [], bench: { flops: 128 * 64 } }),
  // Differences are of no use at a tie: half a step of one score moves the other one in.
  topKCase("ties go to the lower id", float32([3, 5], [1, 1, 1, 1, 1, 0, 2, 2, 0, 2, 3, 1, 3, 1, 3]), 3, { differentiable: [] }),
  topKCase("scores of minus infinity come last, in order of their id", float32([1, 4], [-Infinity, 1, -Infinity, 0]), 3, { differentiable: [] }),
];

function chooseByLoop(inputs: HostInputs, k: number): HostArray[] {
  const scores = given(inputs.scores);
  const [numTokens, numExperts] = scores.shape as [number, number];
  const values = host([numTokens, k]);
  const ids: number[] = [];
  for (let t = 0; t < numTokens; t++) {
    const row = scores.data.subarray(t * numExperts, (t + 1) * numExperts);
    // Compared, not subtracted: the difference of two infinities is NaN.
    const best = [...row.keys()].sort((a, b) => (row[a]! === row[b]! ? a - b : row[a]! > row[b]! ? -1 : 1)).slice(0, k);
    best.forEach((id, place) => (values.data[t * k + place] = row[id]!));
    ids.push(...best);
  }
  return [values, int32([numTokens, k], ids)];
}

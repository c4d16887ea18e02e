import { expertIds, given, sortedByExpert } from "../host-loops.js";
import { type HostArray, int32, type OpCase } from "../op-case.js";
import { sortByExpertOp } from "./sort-by-expert.js";

const sortCase = (name: string, ids: HostArray, numExperts: number, extra: Partial<OpCase> = {}): OpCase => ({
  name: `sortByExpert: ${name}`,
  op: sortByExpertOp,
  inputs: () => ({ expertIds: ids }),
  attrs: { numExperts },
  reference: (inputs) => {
    const { order, inverse, offsets } = sortedByExpert(given(inputs.expertIds), numExperts);
    return [order, inverse, offsets];
  },
  ...extra,
});

export const sortByExpertCases: OpCase[] = [
  sortCase("no tokens", int32([0, 2], []), 3),
  sortCase("one token, one expert", int32([1, 1], [0]), 1),
  sortCase("13 tokens, top 3 of 7 experts", expertIds(13, 3, 7, 1), 7),
  sortCase("some slots are empty", expertIds(17, 2, 5, 2, 3), 5),
  sortCase("all slots are empty", int32([3, 2], [-1, -1, -1, -1, -1, -1]), 4),
  sortCase("one expert gets all, the first and last none", int32([5, 1], [1, 1, 1, 1, 1]), 3),
  sortCase("2048 tokens, top 2 of 16", expertIds(2048, 2, 16, 3), 16, { bench: { flops: 4096 } }),
];

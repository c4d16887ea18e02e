import { expertIds, given, host, sortedByExpert } from "../host-loops.js";
import { type HostArray, int32, type OpCase, uniform } from "../op-case.js";
import { dispatchGradOp, dispatchOp } from "./dispatch.js";

const dispatchCase = (name: string, x: HostArray, ids: HostArray, numExperts: number, extra: Partial<OpCase> = {}): OpCase => ({
  name: `dispatch: ${name}`,
  op: dispatchOp,
  inputs: () => {
    const { order, inverse } = sortedByExpert(ids, numExperts);
    return { x, order, inverse };
  },
  attrs: { slotsPerToken: ids.shape[1]! },
  reference: (inputs) => {
    const [from, order] = [given(inputs.x), given(inputs.order)];
    const width = from.shape[1]!;
    const y = host([order.shape[0]!, width]);
    order.data.forEach((slot, row) => {
      const token = Math.floor(slot / ids.shape[1]!);
      y.data.set(from.data.subarray(token * width, (token + 1) * width), row * width);
    });
    return [y];
  },
  differentiable: ["x"],
  ...extra,
});

const dispatchGradCase = (name: string, width: number, ids: HostArray, numExperts: number): OpCase => ({
  name: `dispatchGrad: ${name}`,
  op: dispatchGradOp,
  inputs: () => ({ dy: uniform([ids.data.length, width], 1), inverse: sortedByExpert(ids, numExperts).inverse }),
  attrs: { slotsPerToken: ids.shape[1]! },
  reference: (inputs) => {
    const [dy, inverse] = [given(inputs.dy), given(inputs.inverse)];
    const dx = host([ids.shape[0]!, width]);
    inverse.data.forEach((row, slot) => {
      const token = Math.floor(slot / ids.shape[1]!);
      for (let d = 0; d < width; d++) dx.data[token * width + d]! += dy.data[row * width + d]!;
    });
    return [dx];
  },
});

export const dispatchCases: OpCase[] = [
  dispatchCase("no tokens", uniform([0, 3], 1), int32([0, 2], []), 4),
  dispatchCase("one token of width one", uniform([1, 1], 2), int32([1, 1], [0]), 1),
  dispatchCase("13 tokens, top 3 of 7 experts", uniform([13, 5], 3), expertIds(13, 3, 7, 1), 7),
  dispatchCase("some slots are empty", uniform([11, 7], 4), expertIds(11, 2, 5, 2, 3), 5),
  dispatchCase("one expert gets all", uniform([5, 3], 5), int32([5, 1], [1, 1, 1, 1, 1]), 3),
  dispatchCase("512 tokens, top 2 of 16, width 128", uniform([512, 128], 6), expertIds(512, 2, 16, 3), 16, { differentiable: [], bench: { flops: 1024 * 128 } }),
  dispatchGradCase("no tokens", 3, int32([0, 2], []), 4),
  dispatchGradCase("some slots are empty", 7, expertIds(11, 2, 5, 2, 3), 5),
];

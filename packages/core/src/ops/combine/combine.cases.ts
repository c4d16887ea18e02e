import { expertIds, given, host, sortedByExpert } from "../host-loops.js";
import { type HostArray, type HostInputs, int32, type OpCase, uniform } from "../op-case.js";
import { combineGradOp, combineOp } from "./combine.js";

const combineCase = (name: string, width: number, ids: HostArray, numExperts: number, extra: Partial<OpCase> = {}): OpCase => ({
  name: `combine: ${name}`,
  op: combineOp,
  inputs: () => {
    const { order, inverse } = sortedByExpert(ids, numExperts);
    return { y: uniform([ids.data.length, width], 1), gates: uniform(ids.shape, 2), order, inverse };
  },
  attrs: {},
  reference: combineByLoop,
  differentiable: ["y", "gates"],
  ...extra,
});

const combineGradCase = (name: string, width: number, ids: HostArray, numExperts: number): OpCase => {
  const { inputs, ...forward } = combineCase(name, width, ids, numExperts);
  const dy = uniform([ids.shape[0]!, width], 3);
  return { ...forward, name: `combineGrad: ${name}`, op: combineGradOp, inputs: () => ({ ...inputs(), dy }), reference: gradientsByLoop, differentiable: [] };
};

export const combineCases: OpCase[] = [
  combineCase("no tokens", 3, int32([0, 2], []), 4),
  combineCase("one token of width one", 1, int32([1, 1], [0]), 1),
  combineCase("13 tokens, top 3 of 7 experts", 5, expertIds(13, 3, 7, 1), 7),
  combineCase("some slots are empty", 7, expertIds(11, 2, 5, 2, 3), 5),
  combineCase("one expert gets all", 3, int32([5, 1], [1, 1, 1, 1, 1]), 3),
  combineCase("512 tokens, top 2 of 16, width 128", 128, expertIds(512, 2, 16, 3), 16, { differentiable: [], bench: { flops: 2 * 1024 * 128 } }),
  combineGradCase("no tokens", 3, int32([0, 2], []), 4),
  combineGradCase("some slots are empty", 7, expertIds(11, 2, 5, 2, 3), 5),
];

function combineByLoop(inputs: HostInputs): HostArray[] {
  const [rows, gates, inverse] = [given(inputs.y), given(inputs.gates), given(inputs.inverse)];
  const [[numTokens, slotsPerToken], width] = [gates.shape as [number, number], rows.shape[1]!];
  const y = host([numTokens, width]);
  inverse.data.forEach((row, slot) => {
    const token = Math.floor(slot / slotsPerToken);
    for (let d = 0; d < width; d++) y.data[token * width + d]! += gates.data[slot]! * rows.data[row * width + d]!;
  });
  return [y];
}

function gradientsByLoop(inputs: HostInputs): HostArray[] {
  const [rows, gates, inverse, dy] = [given(inputs.y), given(inputs.gates), given(inputs.inverse), given(inputs.dy)];
  const [slotsPerToken, width] = [gates.shape[1]!, rows.shape[1]!];
  const [dRows, dGates] = [host(rows.shape), host(gates.shape)];
  inverse.data.forEach((row, slot) => {
    const token = Math.floor(slot / slotsPerToken);
    for (let d = 0; d < width; d++) {
      dRows.data[row * width + d] = gates.data[slot]! * dy.data[token * width + d]!;
      dGates.data[slot]! += rows.data[row * width + d]! * dy.data[token * width + d]!;
    }
  });
  return [dRows, dGates];
}

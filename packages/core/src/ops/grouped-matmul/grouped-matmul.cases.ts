import { forEachRow, given, groupedLinear, host, offsetsOf } from "../host-loops.js";
import { type AnyOp, type HostArray, type HostInputs, type OpCase, uniform } from "../op-case.js";
import { groupedMatmulInputOp, groupedMatmulOp, groupedMatmulWeightOp, groupedSumOp } from "./grouped-matmul.js";

/** Rows per expert, rows of no expert, O and I. */
interface Sizes {
  readonly counts: readonly number[];
  readonly spare?: number;
  readonly outSize: number;
  readonly inSize: number;
}

const SHAPES: Readonly<Record<string, Sizes>> = {
  "no rows": { counts: [0, 0, 0], outSize: 3, inSize: 2 },
  "one row, all sizes one": { counts: [1], outSize: 1, inSize: 1 },
  "prime sizes, an expert without rows, rows of no expert": { counts: [3, 0, 5, 1], spare: 2, outSize: 7, inSize: 5 },
  "one expert gets all": { counts: [0, 11, 0], outSize: 5, inSize: 3 },
  "only rows of no expert": { counts: [0, 0], spare: 3, outSize: 2, inSize: 3 },
};

const numRows = ({ counts, spare = 0 }: Sizes) => counts.reduce((a, b) => a + b, spare);
const weight = ({ counts, outSize, inSize }: Sizes) => uniform([counts.length, outSize, inSize], 2);

const groupedCase = (op: AnyOp, name: string, inputs: () => HostInputs, reference: (inputs: HostInputs) => HostArray): OpCase => ({
  name: `${op.spec.name.replace("MoekitG", "g")}: ${name}`,
  op,
  inputs,
  attrs: {},
  reference: (given) => [reference(given)],
});

function casesOf([name, sizes]: [string, Sizes]): OpCase[] {
  const N = numRows(sizes);
  const offsets = offsetsOf(sizes.counts);
  const x = uniform([N, sizes.inSize], 1);
  const dy = uniform([N, sizes.outSize], 3);
  const bias = uniform([sizes.counts.length, sizes.outSize], 4);
  const forward = (withBias: boolean): OpCase => ({
    ...groupedCase(groupedMatmulOp, name, () => ({ x, w: weight(sizes), offsets, ...(withBias && { bias }) }), (i) => groupedLinear(given(i.x), given(i.w), given(i.offsets), i.bias)),
    differentiable: withBias ? ["x", "w", "bias"] : ["x", "w"],
  });
  return [
    forward(false),
    { ...forward(true), name: `groupedMatmul: with a bias, ${name}` },
    groupedCase(groupedMatmulInputOp, name, () => ({ dy, w: weight(sizes), offsets }), inputGradient),
    groupedCase(groupedMatmulWeightOp, name, () => ({ dy, x, offsets }), weightGradient),
    groupedCase(groupedSumOp, name, () => ({ x, offsets }), sums),
  ];
}

const BENCH: Sizes = { counts: new Array<number>(16).fill(64), outSize: 256, inSize: 128 };

export const groupedMatmulCases: OpCase[] = [
  ...Object.entries(SHAPES).flatMap(casesOf),
  { ...casesOf(["1024 rows, 16 experts, 128 to 256", BENCH])[0]!, differentiable: [], bench: { flops: 2 * 1024 * 256 * 128 } },
];

function inputGradient(inputs: HostInputs): HostArray {
  const [dy, w, offsets] = [given(inputs.dy), given(inputs.w), given(inputs.offsets)];
  const [, outSize, inSize] = w.shape as [number, number, number];
  const dx = host([dy.shape[0]!, inSize]);
  forEachRow(offsets, (row, e) => {
    for (let o = 0; o < outSize; o++) for (let i = 0; i < inSize; i++) dx.data[row * inSize + i]! += dy.data[row * outSize + o]! * w.data[(e * outSize + o) * inSize + i]!;
  });
  return dx;
}

function weightGradient(inputs: HostInputs): HostArray {
  const [dy, x, offsets] = [given(inputs.dy), given(inputs.x), given(inputs.offsets)];
  const [outSize, inSize] = [dy.shape[1]!, x.shape[1]!];
  const dw = host([offsets.data.length - 1, outSize, inSize]);
  forEachRow(offsets, (row, e) => {
    for (let o = 0; o < outSize; o++) for (let i = 0; i < inSize; i++) dw.data[(e * outSize + o) * inSize + i]! += dy.data[row * outSize + o]! * x.data[row * inSize + i]!;
  });
  return dw;
}

function sums(inputs: HostInputs): HostArray {
  const [x, offsets] = [given(inputs.x), given(inputs.offsets)];
  const width = x.shape[1]!;
  const y = host([offsets.data.length - 1, width]);
  forEachRow(offsets, (row, e) => {
    for (let d = 0; d < width; d++) y.data[e * width + d]! += x.data[row * width + d]!;
  });
  return y;
}

import { bf16, packedFormats, q4_0, q4_K, q6_K, q8_0 } from "../../packed.js";
import { type PackedFormat, type PackedMatrix, packMatrix, unpackRows } from "../../packed/packed-matrix.js";
import { type Form, mlpByLoop, type Sizes, SWIGLU } from "../expert-mlp/expert-mlp.cases.js";
import { host, offsetsOf } from "../host-loops.js";
import { type HostArray, type HostInputs, type OpCase, uniform } from "../op-case.js";
import { packedExpertMlpOp } from "./packed-expert-mlp.js";

const ODD = { counts: [3, 0, 5, 1], spare: 2 };

function packedMlpCase(name: string, formats: { up: PackedFormat; down: PackedFormat }, { counts, spare = 0, dim, hidden }: Sizes, { activation, gated, bias }: Form): OpCase {
  const E = counts.length;
  const bank = (rows: number, columns: number, seed: number, format: PackedFormat) =>
    packMatrix(Float32Array.from(uniform([E * rows, columns], seed, Math.sqrt(3 / columns)).data), [E * rows, columns], format);
  const matrices = { ...(gated && { gate: bank(hidden, dim, 2, formats.up) }), up: bank(hidden, dim, 3, formats.up), down: bank(dim, hidden, 4, formats.down) };
  const inputs = (): HostInputs => ({
    x: uniform([counts.reduce((a, b) => a + b, spare), dim], 1),
    ...(gated && bias && { gateBias: uniform([E, hidden], 5) }),
    ...(bias && { upBias: uniform([E, hidden], 6), downBias: uniform([E, dim], 7) }),
    offsets: offsetsOf(counts),
  });
  const unpacked = Object.fromEntries(Object.entries(matrices).map(([key, packed]) => [key, hostBank(packed, E)]));
  return {
    name: `packedExpertMlp: ${name}`,
    op: packedExpertMlpOp,
    inputs,
    attrs: { ...matrices, activation },
    reference: (given) => [mlpByLoop({ ...given, ...unpacked }, activation)],
    differentiable: Object.keys(inputs()).filter((key) => key !== "offsets"),
  };
}

const every = (format: PackedFormat) => ({ up: format, down: format });

export const packedExpertMlpCases: OpCase[] = [
  packedMlpCase("no rows", every(bf16), { counts: [0, 0], dim: 3, hidden: 2 }, SWIGLU),
  packedMlpCase("one row, all sizes one", every(bf16), { counts: [1], dim: 1, hidden: 1 }, SWIGLU),
  packedMlpCase("prime sizes, an expert without rows, rows of no expert", every(bf16), { ...ODD, dim: 5, hidden: 7 }, SWIGLU),
  packedMlpCase("with biases", every(q8_0), { ...ODD, dim: 32, hidden: 32 }, { ...SWIGLU, bias: true }),
  packedMlpCase("gated GELU, two formats", { up: q8_0, down: q4_0 }, { counts: [2, 0, 1], spare: 1, dim: 64, hidden: 32 }, { activation: "gelu", gated: true, bias: false }),
  packedMlpCase("ReLU with biases", every(q4_0), { ...ODD, dim: 32, hidden: 32 }, { activation: "relu", gated: false, bias: true }),
  packedMlpCase("one expert gets all", every(bf16), { counts: [0, 11, 0], dim: 5, hidden: 3 }, SWIGLU),
  { ...packedMlpCase("many rows", every(q8_0), { counts: [37, 0, 8], dim: 32, hidden: 96 }, { ...SWIGLU, bias: true }), differentiable: [] },
  { ...packedMlpCase("K-quants of two formats", { up: q4_K, down: q6_K }, { ...ODD, dim: 256, hidden: 256 }, SWIGLU), differentiable: [] },
  ...packedFormats.map((format) => ({ ...packedMlpCase(format.name, every(format), { counts: [1, 6], dim: format.blockSize, hidden: format.blockSize }, SWIGLU), differentiable: format.blockSize > 32 ? [] : ["x"] })),
  {
    ...packedMlpCase("q8_0, 512 rows, 8 experts, 128 to 256", every(q8_0), { counts: new Array<number>(8).fill(64), dim: 128, hidden: 256 }, SWIGLU),
    differentiable: [],
    bench: { flops: 6 * 512 * 128 * 256 },
  },
];

function hostBank(packed: PackedMatrix, E: number): HostArray {
  return host([E, packed.shape[0] / E, packed.shape[1]], Float64Array.from(unpackRows(packed)));
}

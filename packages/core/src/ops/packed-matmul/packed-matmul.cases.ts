import { bf16, f16, packedFormats, q4_0, q8_0 } from "../../packed.js";
import { type PackedFormat, packMatrix, unpackRows } from "../../packed/packed-matrix.js";
import { given, host } from "../host-loops.js";
import { type HostArray, type OpCase, uniform } from "../op-case.js";
import { packedMatmulOp } from "./packed-matmul.js";

function packedCase(name: string, format: PackedFormat, numRows: number, inSize: number, outSize: number, extra: Partial<OpCase> = {}): OpCase {
  const packed = packMatrix(Float32Array.from(uniform([outSize, inSize], 2).data), [outSize, inSize], format);
  return {
    name: `packedMatmul: ${name}`,
    op: packedMatmulOp,
    inputs: () => ({ x: uniform([numRows, inSize], 1) }),
    attrs: { packed },
    reference: (inputs) => [multiplyByLoop(given(inputs.x), unpackRows(packed), outSize)],
    differentiable: ["x"],
    ...extra,
  };
}

export const packedMatmulCases: OpCase[] = [
  packedCase("no rows", q8_0, 0, 32, 2),
  packedCase("bf16, prime sizes", bf16, 5, 7, 11),
  packedCase("f16, one row", f16, 1, 13, 3),
  packedCase("q8_0, two blocks a row", q8_0, 3, 64, 5),
  packedCase("q4_0, three blocks a row", q4_0, 7, 96, 3),
  ...packedFormats.flatMap((format) => [1, 3, 9].map((rows) => packedCase(`${format.name}, ${rows} rows of two blocks`, format, rows, 2 * format.blockSize, 5, rows * format.blockSize > 100 ? { differentiable: [] } : {}))),
  packedCase("q8_0, more than the references unpack at a time", q8_0, 2, 2048, 520, { differentiable: [], tolerance: 1e-4 }),
];

function multiplyByLoop(x: HostArray, w: Float32Array, outSize: number): HostArray {
  const [rows, inSize] = x.shape as [number, number];
  const y = host([rows, outSize]);
  for (let n = 0; n < rows; n++) {
    for (let o = 0; o < outSize; o++) {
      for (let i = 0; i < inSize; i++) y.data[n * outSize + o]! += x.data[n * inSize + i]! * w[o * inSize + i]!;
    }
  }
  return y;
}

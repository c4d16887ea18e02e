import { bf16, packedFormats, q8_0 } from "../../packed.js";
import { type PackedFormat, packMatrix, unpackRows } from "../../packed/packed-matrix.js";
import { given, host } from "../host-loops.js";
import { int32, type OpCase, uniform } from "../op-case.js";
import { packedGatherRowsOp } from "./packed-gather-rows.js";

function gatherCase(name: string, format: PackedFormat, numRows: number, width: number, ids: number[]): OpCase {
  const packed = packMatrix(Float32Array.from(uniform([numRows, width], 1).data), [numRows, width], format);
  return {
    name: `packedGatherRows: ${name}`,
    op: packedGatherRowsOp,
    inputs: () => ({ ids: int32([ids.length], ids) }),
    attrs: { packed },
    reference: (inputs) => {
      const y = host([ids.length, width]);
      given(inputs.ids).data.forEach((id, n) => id >= 0 && y.data.set(unpackRows(packed, id, 1), n * width));
      return [y];
    },
    tolerance: 0,
  };
}

export const packedGatherRowsCases: OpCase[] = [
  gatherCase("no ids", bf16, 3, 5, []),
  gatherCase("no rows, all ids empty", bf16, 0, 5, [-1, -1]),
  gatherCase("a row of several blocks, twice", q8_0, 7, 96, [6, 0, -1, 6, 3]),
  ...packedFormats.map((format) => gatherCase(format.name, format, 5, 3 * format.blockSize, [4, 1])),
  gatherCase("more than the reference unpacks at a time", bf16, 520, 4096, [519, 0, 256, 255, -1]),
];

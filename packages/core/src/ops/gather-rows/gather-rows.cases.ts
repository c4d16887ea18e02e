import { given, host } from "../host-loops.js";
import { type HostArray, int32, type OpCase, uniform } from "../op-case.js";
import { gatherRowsOp, scatterRowsOp } from "./gather-rows.js";

const gatherCase = (name: string, x: HostArray, ids: number[]): OpCase => ({
  name: `gatherRows: ${name}`,
  op: gatherRowsOp,
  inputs: () => ({ x, ids: int32([ids.length], ids) }),
  attrs: {},
  reference: (inputs) => {
    const [from, rows] = [given(inputs.x), given(inputs.ids)];
    const width = from.shape[1]!;
    const y = host([rows.shape[0]!, width]);
    rows.data.forEach((id, n) => id >= 0 && y.data.set(from.data.subarray(id * width, (id + 1) * width), n * width));
    return [y];
  },
  differentiable: ["x"],
});

const scatterCase = (name: string, y: HostArray, ids: number[], numRows: number): OpCase => ({
  name: `scatterRows: ${name}`,
  op: scatterRowsOp,
  inputs: () => ({ y, ids: int32([ids.length], ids) }),
  attrs: { numRows },
  reference: (inputs) => {
    const [from, rows] = [given(inputs.y), given(inputs.ids)];
    const width = from.shape[1]!;
    const x = host([numRows, width]);
    rows.data.forEach((id, n) => {
      for (let d = 0; id >= 0 && d < width; d++) x.data[id * width + d]! += from.data[n * width + d]!;
    });
    return [x];
  },
  differentiable: ["y"],
});

export const gatherRowsCases: OpCase[] = [
  gatherCase("no ids", uniform([3, 4], 1), []),
  gatherCase("no rows, all ids empty", uniform([0, 4], 1), [-1, -1]),
  gatherCase("one row of one", uniform([1, 1], 2), [0]),
  gatherCase("repeated and empty ids", uniform([7, 5], 3), [6, 0, -1, 6, 3, 6, -1, 1, 0, 2, 5]),
  scatterCase("no rows", uniform([0, 4], 4), [], 3),
  scatterCase("one row of one", uniform([1, 1], 5), [0], 1),
  scatterCase("repeated and empty ids", uniform([11, 3], 6), [6, 0, -1, 6, 3, 6, -1, 1, 0, 2, 5], 7),
  scatterCase("all ids empty", uniform([2, 3], 7), [-1, -1], 2),
];

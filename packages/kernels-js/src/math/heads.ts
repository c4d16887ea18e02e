import { floatsOf, type HostTensors, type Matrix, type TensorInfo } from "../host-tensors.js";

/** Some rows of some neighbouring heads of a tensor `[B, S, H, width]`, stacked head by head. */
export interface HeadRows {
  readonly batch: number;
  readonly firstHead: number;
  readonly heads: number;
  readonly firstRow: number;
  readonly rows: number;
}

/** `to[head * rows + row] = scale * x[batch, firstRow + row, firstHead + head]`. */
export function gatherHeads(host: HostTensors, x: TensorInfo, part: HeadRows, to: Matrix, scale = 1): void {
  const [from, out] = [host.floats(x), floatsOf(host, to)];
  forEachRow(x, part, (i, j, width) => {
    for (let c = 0; c < width; c++) out[j + c] = scale * from[i + c]!;
  });
}

/** The way back: `x[batch, firstRow + row, firstHead + head] = scale * from[head * rows + row]`. */
export function scatterHeads(host: HostTensors, from: Matrix, x: TensorInfo, part: HeadRows, scale = 1): void {
  const [values, out] = [floatsOf(host, from), host.floats(x)];
  forEachRow(x, part, (i, j, width) => {
    for (let c = 0; c < width; c++) out[i + c] = scale * values[j + c]!;
  });
}

/** Calls back with the place of each row in the tensor and in the stack. */
function forEachRow(x: TensorInfo, { batch, firstHead, heads, firstRow, rows }: HeadRows, visit: (inTensor: number, inStack: number, width: number) => void): void {
  const [, S, H, width] = x.shape as [number, number, number, number];
  for (let head = 0; head < heads; head++) {
    for (let row = 0; row < rows; row++) {
      visit(((batch * S + firstRow + row) * H + firstHead + head) * width, (head * rows + row) * width, width);
    }
  }
}

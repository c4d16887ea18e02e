import { floatsOf, type HostTensors, type Matrix, withScratch } from "../host-tensors.js";
import { transpose } from "./transpose.js";

/** Up to this many rows, dot products with the rows of `b` cost less than its transpose. */
const FEW_ROWS = 4;

/** `out = a b^T`. */
export function multiplyByTransposed(host: HostTensors, a: Matrix, b: Matrix, out: Matrix): void {
  if (a.rows <= FEW_ROWS) return dotRows(host, a, b, out);
  withTransposed(host, b, (b_T) => host.multiply(a, b_T, out));
}

/** `out = a^T b`. */
export function multiplyTransposed(host: HostTensors, a: Matrix, b: Matrix, out: Matrix): void {
  // The right operand gets packed by the multiplication, which costs more than a transpose: the larger one goes left.
  if (a.columns >= b.columns) return withTransposed(host, a, (a_T) => host.multiply(a_T, b, out));
  withScratch(host, [[out.columns, out.rows]], (out_T) => {
    withTransposed(host, b, (b_T) => host.multiply(b_T, a, out_T));
    transpose(floatsOf(host, out_T), out_T.rows, out_T.columns, floatsOf(host, out));
  });
}

/** Runs `use` with a transposed copy of `x`. */
export function withTransposed(host: HostTensors, x: Matrix, use: (x_T: Matrix) => void): void {
  withScratch(host, [[x.columns, x.rows]], (x_T) => {
    transpose(floatsOf(host, x), x.rows, x.columns, floatsOf(host, x_T));
    use(x_T);
  });
}

function dotRows(host: HostTensors, a: Matrix, b: Matrix, out: Matrix): void {
  const [left, right, result] = [floatsOf(host, a), floatsOf(host, b), floatsOf(host, out)];
  const width = a.columns;
  for (let j = 0; j < b.rows; j++) {
    for (let i = 0; i < a.rows; i++) result[i * b.rows + j] = dot(left, i * width, right, j * width, width);
  }
}

/** Sum of products of two runs of numbers, in float64. */
export function dot(a: Float32Array, i: number, b: Float32Array, j: number, length: number): number {
  let even = 0;
  let odd = 0;
  const paired = length - (length % 2);
  for (let p = 0; p < paired; p += 2) {
    even += a[i + p]! * b[j + p]!;
    odd += a[i + p + 1]! * b[j + p + 1]!;
  }
  if (paired < length) even += a[i + paired]! * b[j + paired]!;
  return even + odd;
}

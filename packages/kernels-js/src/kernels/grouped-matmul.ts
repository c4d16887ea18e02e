import { floatsOf, type HostTensors, type Matrix, matrixOf, type TensorInfo } from "../host-tensors.js";
import type { JsKernels } from "../kernel.js";
import { addToRows, sumRows } from "../math/rows.js";
import { multiplyByTransposed, multiplyTransposed } from "../math/products.js";

/** Row ranges of the experts: `start` of expert e is `offsets[e]`. */
export interface Segment {
  readonly expert: number;
  readonly start: number;
  readonly rows: number;
}

/** groupedMatmul, its two backward forms and the sum of rows by expert. Offsets `[E + 1]`, N rows, banks `[E, O, I]`. */
export const groupedMatmulKernels: JsKernels = {
  MoekitGroupedMatmul: (host, { x, w, offsets, bias }) => {
    const y = host.allocate([x!.shape[0]!, w!.shape[1]!]);
    for (const { expert, start, rows } of segmentsOf(host, offsets!)) {
      if (rows === 0) continue;
      const y_e = matrixOf(y, start, rows);
      multiplyByTransposed(host, matrixOf(x!, start, rows), bankMatrix(w!, expert), y_e);
      if (bias) addToRows(floatsOf(host, y_e), floatsOf(host, matrixOf(bias, expert, 1)));
    }
    clearTail(host, y, offsets!);
    return [y];
  },

  MoekitGroupedMatmulInput: (host, { dy, w, offsets }) => {
    const dx = host.allocate([dy!.shape[0]!, w!.shape[2]!]);
    for (const { expert, start, rows } of segmentsOf(host, offsets!)) {
      host.multiply(matrixOf(dy!, start, rows), bankMatrix(w!, expert), matrixOf(dx, start, rows));
    }
    clearTail(host, dx, offsets!);
    return [dx];
  },

  MoekitGroupedMatmulWeight: (host, { dy, x, offsets }) => {
    const dw = host.allocate([offsets!.shape[0]! - 1, dy!.shape[1]!, x!.shape[1]!]);
    for (const { expert, start, rows } of segmentsOf(host, offsets!)) {
      multiplyTransposed(host, matrixOf(dy!, start, rows), matrixOf(x!, start, rows), bankMatrix(dw, expert));
    }
    return [dw];
  },

  MoekitGroupedSum: (host, { x, offsets }) => {
    const y = host.allocate([offsets!.shape[0]! - 1, x!.shape[1]!]);
    for (const { expert, start, rows } of segmentsOf(host, offsets!)) {
      sumRows(floatsOf(host, matrixOf(x!, start, rows)), floatsOf(host, matrixOf(y, expert, 1)));
    }
    return [y];
  },
};

/** The row ranges of all experts, read before anything is allocated. */
export function segmentsOf(host: HostTensors, offsets: TensorInfo): Segment[] {
  const values = Array.from(host.ints(offsets));
  return values.slice(0, -1).map((start, expert) => ({ expert, start, rows: values[expert + 1]! - start }));
}

/** Matrix of one expert in a bank `[E, rows, columns]`. */
export function bankMatrix(bank: TensorInfo, expert: number): Matrix {
  const [, rows, columns] = bank.shape as [number, number, number];
  return { tensor: bank, start: expert * rows * columns, rows, columns };
}

/** Sets the rows of no expert to 0. */
export function clearTail(host: HostTensors, y: TensorInfo, offsets: TensorInfo): void {
  floatsOf(host, matrixOf(y, host.ints(offsets).at(-1))).fill(0);
}

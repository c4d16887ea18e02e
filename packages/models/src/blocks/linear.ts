import * as tf from "@tensorflow/tfjs";
import type { Tensor1D, Tensor2D, Variable } from "@tensorflow/tfjs";
import { constantVariable, gatherRows, linear, packedGatherRows, packedMatmul, weightVariable } from "@moekit/core";
import type { MatrixInit } from "./model-init.js";
import { PackedWeight } from "./packed-weight.js";

/** `x W^T + b` with a weight `[out, in]`, packed or not, and, where asked for, a bias `[out]` that starts at 0. */
export class Linear {
  readonly weight: Variable | PackedWeight;
  readonly bias?: Variable;

  constructor(inputs: number, outputs: number, { init, bias = false }: { init: MatrixInit; bias?: boolean }) {
    // There is nothing to pack in a matrix without numbers, as that of a shared expert of no width.
    this.weight = init.packed && inputs > 0 && outputs > 0 ? new PackedWeight([outputs, inputs]) : weightVariable([outputs, inputs], init);
    if (bias) this.bias = constantVariable([outputs], 0);
  }

  forward(x: Tensor2D): Tensor2D {
    return project(x, this.weight, this.bias);
  }
}

/** Rows of a table. @param ids - `[T]` int32. @returns `[T, D]` */
export function lookUp(table: Variable | PackedWeight, ids: Tensor1D): Tensor2D {
  return table instanceof PackedWeight ? packedGatherRows(table.matrix, ids) : gatherRows(table as Tensor2D, ids);
}

/** `x W^T + b`. */
export function project(x: Tensor2D, weight: Variable | PackedWeight, bias?: Variable): Tensor2D {
  if (!(weight instanceof PackedWeight)) return linear(x, weight as Tensor2D, bias as Tensor1D | undefined);
  const y = packedMatmul(x, weight.matrix) as Tensor2D;
  return bias ? tf.add(y, bias) : y;
}

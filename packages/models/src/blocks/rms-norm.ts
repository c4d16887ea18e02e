import type { Tensor, Tensor1D, Variable } from "@tensorflow/tfjs";
import { constantVariable, rmsNorm } from "@moekit/core";

/** RMS norm over the last axis, with a weight that starts at 1. */
export class RmsNorm {
  readonly weight: Variable;

  constructor(
    size: number,
    private readonly eps: number,
  ) {
    this.weight = constantVariable([size], 1);
  }

  forward<R extends Tensor>(x: R): R {
    return rmsNorm(x, this.weight as Tensor1D, this.eps) as R;
  }
}

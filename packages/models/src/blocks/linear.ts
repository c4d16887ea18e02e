import type { Tensor1D, Tensor2D, Variable } from "@tensorflow/tfjs";
import { constantVariable, linear, weightVariable, type WeightInit } from "@moekit/core";

/** `x W^T + b` with a weight `[out, in]` and, where asked for, a bias `[out]` that starts at 0. */
export class Linear {
  readonly weight: Variable;
  readonly bias?: Variable;

  constructor(inputs: number, outputs: number, { init, bias = false }: { init: WeightInit; bias?: boolean }) {
    this.weight = weightVariable([outputs, inputs], init);
    if (bias) this.bias = constantVariable([outputs], 0);
  }

  forward(x: Tensor2D): Tensor2D {
    return linear(x, this.weight as Tensor2D, this.bias as Tensor1D | undefined);
  }
}

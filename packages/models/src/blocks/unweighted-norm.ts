import * as tf from "@tensorflow/tfjs";
import { rmsNorm, tidy } from "@moekit/core";
import type { Norm } from "./norm.js";

/** RMS norm over the last axis without a weight, `x / sqrt(mean(x^2) + eps)`. */
export class UnweightedNorm implements Norm {
  constructor(private readonly eps: number) {}

  forward<R extends tf.Tensor>(x: R): R {
    return tidy(() => rmsNorm(x, tf.ones([x.shape.at(-1)!]) as tf.Tensor1D, this.eps) as R);
  }
}

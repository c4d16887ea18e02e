import type { Tensor2D } from "@tensorflow/tfjs";
import { swiglu, type FeedForward } from "@moekit/core";
import type { DenseConfig } from "../config/feed-forward-config.js";
import { Linear } from "./linear.js";
import type { ModelInit } from "./model-init.js";

/** SwiGLU: `down(silu(gate x) * up x)`. */
export class DenseFeedForward implements FeedForward {
  readonly gate: Linear;
  readonly up: Linear;
  readonly down: Linear;

  constructor(hiddenSize: number, { width, bias }: Pick<DenseConfig, "width" | "bias">, stream: string, { seed, std, residualStd, packed }: ModelInit) {
    this.gate = new Linear(hiddenSize, width, { init: { seed, stream: `${stream}.gate`, std, packed }, bias });
    this.up = new Linear(hiddenSize, width, { init: { seed, stream: `${stream}.up`, std, packed }, bias });
    this.down = new Linear(width, hiddenSize, { init: { seed, stream: `${stream}.down`, std: residualStd, packed }, bias });
  }

  forward(x: Tensor2D): Tensor2D {
    return this.down.forward(swiglu(this.gate.forward(x), this.up.forward(x)));
  }
}

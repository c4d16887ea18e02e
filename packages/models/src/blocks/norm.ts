import type { Tensor } from "@tensorflow/tfjs";
import type { NormConfig } from "../config/model-config.js";
import { LayerNorm } from "./layer-norm.js";
import { RmsNorm } from "./rms-norm.js";

/** Norms the last axis. */
export interface Norm {
  forward<R extends Tensor>(x: R): R;
}

/** The norm of the residual stream that the config asks for. */
export function createNorm({ kind, eps }: NormConfig, size: number): Norm {
  return kind === "rms" ? new RmsNorm(size, eps) : new LayerNorm(size, eps);
}

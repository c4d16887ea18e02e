/** T tokens, D model width, E experts. */
import * as tf from "@tensorflow/tfjs";
import { constantVariable, linear, stopGradient, topK, weightVariable, type Router, type TokenChoice } from "@moekit/core";
import type { ModelInit } from "../blocks/model-init.js";
import type { EncoderDecoderFeedForward, RouterDtype } from "./config.js";

/**
 * Sends each token to its most probable expert, with that probability as gate. In a 16-bit precision the input, the
 * weights, the logits and the probabilities are rounded to it, as transformers does; sums are float32.
 * @source Fedus et al. 2021, arXiv:2101.03961, section 2.1 and "selective precision".
 */
export class SwitchRouter implements Router {
  /** `[E, D]` */
  readonly weight: tf.Variable;
  /** `[E]` */
  readonly bias?: tf.Variable;
  private readonly dtype: RouterDtype;

  constructor({ numExperts, routerBias, routerDtype }: EncoderDecoderFeedForward, dim: number, stream: string, { seed, std }: ModelInit) {
    this.weight = weightVariable([numExperts, dim], { seed, stream, std });
    if (routerBias) this.bias = constantVariable([numExperts], 0);
    this.dtype = routerDtype;
  }

  get numExperts(): number {
    return this.weight.shape[0]!;
  }

  route(x_TD: tf.Tensor2D): TokenChoice {
    const round = <T extends tf.Tensor>(x: T) => rounded(x, this.dtype);
    const bias = this.bias && (round(this.bias) as tf.Tensor1D);
    const logits = round(linear(round(x_TD), round(this.weight) as tf.Tensor2D, bias));
    const probs = round(tf.softmax(logits));
    const { ids, values } = topK(probs, 1);
    return { kind: "token-choice", numExperts: this.numExperts, logits, probs, expertIds: ids, gates: values };
  }
}

/** Significant bits lost from float32's 24. */
const LOST_BITS: Record<RouterDtype, number> = { float32: 0, bfloat16: 16, float16: 13 };

/** To the nearest number of that precision (its range aside); gradients pass as they are. */
function rounded<T extends tf.Tensor>(x: T, dtype: RouterDtype): T {
  const lost = LOST_BITS[dtype];
  if (lost === 0) return x;
  const own = stopGradient(x);
  // Veltkamp's splitting: multiplying and subtracting leaves the leading bits.
  const shifted = tf.mul(own, 2 ** lost + 1);
  return tf.add(x, tf.sub(tf.sub(shifted, tf.sub(shifted, own)), own)) as T;
}

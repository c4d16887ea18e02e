/** B batch, S query length, L key length, H query heads, G key heads, R = H / G query heads of a key head, d and e head widths. */
import type { Tensor, Tensor1D, Tensor4D } from "@tensorflow/tfjs";
import { defineOp } from "../../define-op.js";
import { ConfigError, ShapeError } from "../../errors.js";
import { checkTensor } from "../check.js";
import { attend, type AttentionAttrs, type AttentionInputs, attentionGradients } from "./attention-reference.js";

/** Settings of {@link attention}. @example const options: AttentionOptions = { causal: true, scale: 64 ** -0.5, window: 128 }; */
export interface AttentionOptions {
  /** Query i stands at key position L - S + i and sees no later key. */
  readonly causal: boolean;
  /** Factor of the products of queries and keys, usually `d ** -0.5`. */
  readonly scale: number;
  /** Keys seen counting back from the query's own position, that one included. Left out: all. */
  readonly window?: number;
  /** `[H]` a logit per head that takes part in the softmax and adds nothing (gpt-oss). */
  readonly sinks?: Tensor1D;
}

/** The op behind {@link attention}. @example attentionOp.spec.name; // "MoekitAttention" */
export const attentionOp = defineOp<AttentionInputs, AttentionAttrs>({
  name: "MoekitAttention",
  reference: attend,
  gradient: ([dy], { inputs }, { causal, scale, window }) => {
    const [dq, dk, dv, dSinks] = attentionGradOp.run({ ...inputs, dy: dy as Tensor4D }, { causal, scale, window });
    return { q: () => dq!, k: () => dk!, v: () => dv!, sinks: () => dSinks! };
  },
});

/**
 * Gradients of {@link attention} to queries, keys, values and, where there are any, sinks: with P the probabilities,
 * `dV = P^T dy`, `dP = dy V^T`, `dS = P (dP - sum of P dP)`, `dQ = scale dS K`, `dK = scale dS^T Q`. No gradient.
 * @example attentionGradOp.spec.name; // "MoekitAttentionGrad"
 */
export const attentionGradOp = defineOp<AttentionInputs & { dy: Tensor4D }, AttentionAttrs>({
  name: "MoekitAttentionGrad",
  reference: attentionGradients,
});

/**
 * Scaled dot product attention with grouped heads: `softmax(scale q k^T) v` over the keys that each query may see. Query
 * head h reads key head `floor(h / (H / G))`.
 *
 * @param q - `[B, S, H, d]` float32.
 * @param k - `[B, L, G, d]` float32, G divides H; L is at least S where attention is causal or has a window.
 * @param v - `[B, L, G, e]` float32.
 * @returns `[B, S, H, e]`.
 * @throws ShapeError if the shapes do not fit together; ConfigError if `window` is not a whole number from 1.
 * @source Vaswani et al. 2017, arXiv:1706.03762, eq. 1; groups: Ainslie et al. 2023, arXiv:2305.13245.
 * @example attention(q, k, v, { causal: true, scale: 64 ** -0.5 });
 */
export function attention(q: Tensor4D, k: Tensor4D, v: Tensor4D, { causal, scale, window, sinks }: AttentionOptions): Tensor4D {
  checkShapes(q, k, v, sinks);
  const [S, L] = [q.shape[1], k.shape[1]];
  if ((causal || window !== undefined) && L < S) throw new ShapeError(`attention: ${S} queries need at least as many keys where attention is causal or has a window; got ${L}.`);
  if (window !== undefined && !(Number.isInteger(window) && window >= 1)) throw new ConfigError(`attention: window must be a whole number from 1; got ${window}.`);
  return attentionOp.run({ q, k, v, sinks }, { causal, scale, window })[0] as Tensor4D;
}

function checkShapes(q: Tensor4D, k: Tensor4D, v: Tensor4D, sinks?: Tensor): void {
  const axes = (letters: string) => ({ in: "attention", axes: letters });
  checkTensor(q, { ...axes("[B, S, H, d]"), name: "q", shape: [null, null, null, null] });
  const [batch, , heads, width] = q.shape;
  checkTensor(k, { ...axes("[B, L, G, d]"), name: "k", shape: [batch, null, null, width] });
  const [, length, groups] = k.shape;
  checkTensor(v, { ...axes("[B, L, G, e]"), name: "v", shape: [batch, length, groups, null] });
  if (heads % groups !== 0) throw new ShapeError(`attention: the ${groups} heads of keys must divide the ${heads} heads of queries.`);
  if (sinks) checkTensor(sinks, { ...axes("[H]"), name: "sinks", shape: [heads] });
}

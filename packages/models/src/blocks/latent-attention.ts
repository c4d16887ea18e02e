/** B sequences of S tokens, T = B S, D model width, H heads, r latent width; widths of a head: d content, p positions, e value. */
import * as tf from "@tensorflow/tfjs";
import { rotary, weightVariable } from "@moekit/core";
import type { LatentAttentionConfig } from "../config/attention-config.js";
import type { Attention, AttentionInput, AttentionSizes } from "./attention.js";
import { latentAttention } from "./latent-forms.js";
import { Linear } from "./linear.js";
import type { ModelInit } from "./model-init.js";
import { RmsNorm } from "./rms-norm.js";

/** Of the norms of latents, whatever the other norms of the model have. */
const LATENT_NORM_EPS = 1e-6;

/**
 * Multi-head latent attention. The cache keeps the normalised latent and the key with positions: r + p numbers per token.
 * @source DeepSeek-V2, arXiv:2405.04434, section 2.1
 */
export class LatentAttention implements Attention {
  readonly queryDown?: Linear;
  readonly queryNorm?: RmsNorm;
  readonly query: Linear;
  /** To the latent and the key with positions, `[r + p, D]`. */
  readonly latent: Linear;
  readonly latentNorm: RmsNorm;
  /** `[H, d, r]` */
  readonly keyUp: tf.Variable<tf.Rank.R3>;
  /** `[H, e, r]` */
  readonly valueUp: tf.Variable<tf.Rank.R3>;
  readonly output: Linear;

  constructor(
    private readonly config: LatentAttentionConfig,
    { hiddenSize }: AttentionSizes,
    stream: string,
    { seed, std, residualStd, packed }: ModelInit,
  ) {
    const { numHeads, queryRank, latentRank, contentDim, valueDim, bias, rotary: { dim } } = config;
    const init = (name: string, ownStd = std) => ({ seed, stream: `${stream}.${name}`, std: ownStd, packed });
    if (queryRank !== undefined) {
      this.queryDown = new Linear(hiddenSize, queryRank, { init: init("queryDown"), bias });
      this.queryNorm = new RmsNorm(queryRank, LATENT_NORM_EPS);
    }
    this.query = new Linear(queryRank ?? hiddenSize, numHeads * (contentDim + dim), { init: init("query") });
    this.latent = new Linear(hiddenSize, latentRank + dim, { init: init("latent"), bias });
    this.latentNorm = new RmsNorm(latentRank, LATENT_NORM_EPS);
    this.keyUp = weightVariable([numHeads, contentDim, latentRank], init("keyUp"));
    this.valueUp = weightVariable([numHeads, valueDim, latentRank], init("valueUp"));
    this.output = new Linear(numHeads * valueDim, hiddenSize, { init: init("output", residualStd), bias });
  }

  forward(x_TD: tf.Tensor2D, input: AttentionInput): { y: tf.Tensor2D } {
    const { numHeads, valueDim, scale } = this.config;
    const { content_BSHd, position_BSHp } = this.queries(x_TD, input);
    const added = { latent: this.latents(x_TD, input) };
    const { latent: latent_BLGc } = input.cache?.extend(input.layer, added) ?? added;
    const y_BSHe = latentAttention({ content_BSHd, position_BSHp, latent_BLGc, keyUp_Hdr: this.keyUp, valueUp_Her: this.valueUp, scale });
    return { y: this.output.forward(tf.reshape(y_BSHe, [x_TD.shape[0], numHeads * valueDim])) };
  }

  private queries(x_TD: tf.Tensor2D, input: AttentionInput): { content_BSHd: tf.Tensor4D; position_BSHp: tf.Tensor4D } {
    const { numHeads, contentDim, rotary: { dim } } = this.config;
    const compressed = this.queryDown && this.queryNorm ? this.queryNorm.forward(this.queryDown.forward(x_TD)) : x_TD;
    const heads = tf.reshape(this.query.forward(compressed), [input.batch, -1, numHeads, contentDim + dim]);
    const [content_BSHd, position] = tf.split(heads, [contentDim, dim], 3) as [tf.Tensor4D, tf.Tensor4D];
    return { content_BSHd, position_BSHp: this.place(position, input) };
  }

  /** `[B, S, 1, r + p]`: the normalised latent and behind it the key with positions. */
  private latents(x_TD: tf.Tensor2D, input: AttentionInput): tf.Tensor4D {
    const { latentRank, rotary: { dim } } = this.config;
    const [latent_Tr, key_Tp] = tf.split(this.latent.forward(x_TD), [latentRank, dim], 1) as [tf.Tensor2D, tf.Tensor2D];
    const oneHead = (x: tf.Tensor2D): tf.Tensor4D => tf.reshape(x, [input.batch, -1, 1, x.shape[1]]);
    return tf.concat([oneHead(this.latentNorm.forward(latent_Tr)), this.place(oneHead(key_Tp), input)], 3);
  }

  private place(x: tf.Tensor4D, { tables }: AttentionInput): tf.Tensor4D {
    return rotary(x, tables!.cos, tables!.sin, this.config.rotary.layout);
  }
}

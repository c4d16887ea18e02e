/** B sequences of S tokens, T = B S, D model width, E experts, K per token, G key heads, d head width, N = T K rows. */
import * as tf from "@tensorflow/tfjs";
import { attention, constantVariable, gatherRows, groupedMatmul, LocalDispatcher, packedGroupedMatmul, rotary, weightVariable, type DispatchPlan, type Routing } from "@moekit/core";
import { TopKRouter } from "@moekit/routing";
import type { ExpertAttentionConfig } from "../config/attention-config.js";
import type { Attention, AttentionInput, AttentionSizes } from "./attention.js";
import { mixWhereBatchIs } from "./batch-among-heads.js";
import { Linear } from "./linear.js";
import type { MatrixInit, ModelInit } from "./model-init.js";
import { PackedWeight } from "./packed-weight.js";

/**
 * Mixture of attention heads: each token chooses K experts, each a projection to G query heads and one back from them.
 * Keys and values are shared by all experts. `y = bias + sum over chosen e of gate_e O_e attend(Q_e x)`.
 * @source Zhang et al. 2022, arXiv:2210.05144; as in JetMoE, Shen et al. 2024, arXiv:2404.07413.
 */
export class ExpertAttention implements Attention {
  readonly router: TopKRouter;
  /** `[E, G d, D]` */
  readonly query: tf.Variable<tf.Rank.R3> | PackedWeight;
  readonly key: Linear;
  readonly value: Linear;
  /** `[E, D, G d]` */
  readonly output: tf.Variable<tf.Rank.R3> | PackedWeight;
  /** `[D]`, added once, whatever the experts. */
  readonly bias: tf.Variable;
  private readonly dispatcher = new LocalDispatcher();

  constructor(
    private readonly config: ExpertAttentionConfig,
    { hiddenSize }: Pick<AttentionSizes, "hiddenSize">,
    stream: string,
    { seed, std, residualStd, packed }: ModelInit,
  ) {
    const { numExperts, topK, numKeyValueHeads, headDim } = config;
    const width = numKeyValueHeads * headDim;
    const init = (name: string, ownStd = std) => ({ seed, stream: `${stream}.${name}`, std: ownStd, packed });
    const bank = (shape: [number, number, number], start: MatrixInit) => (packed ? new PackedWeight(shape) : weightVariable(shape, start));
    this.router = new TopKRouter({ dim: hiddenSize, numExperts, topK, renormalise: true, ...init("router") });
    this.query = bank([numExperts, width, hiddenSize], init("query"));
    this.key = new Linear(hiddenSize, width, { init: init("key") });
    this.value = new Linear(hiddenSize, width, { init: init("value") });
    this.output = bank([numExperts, hiddenSize, width], init("output", residualStd));
    this.bias = constantVariable([hiddenSize], 0);
  }

  forward(x_TD: tf.Tensor2D, input: AttentionInput): { y: tf.Tensor2D; routing: Routing } {
    const routing = this.router.route(x_TD, input.context);
    const plan = this.dispatcher.plan(routing);
    const q_BSHd = this.turned(this.queries(x_TD, plan, input.batch), input);
    const heads = (projection: Linear): tf.Tensor4D => tf.reshape(projection.forward(x_TD), [input.batch, -1, this.config.numKeyValueHeads, this.config.headDim]);
    const added = { key: this.turned(heads(this.key), input), value: heads(this.value) };
    const { key, value } = input.cache?.extend(input.layer, added) ?? added;
    const y_BSHd = mixWhereBatchIs(q_BSHd, key, (q) => attention(q, key, value, { causal: true, scale: this.config.headDim ** -0.5 }));
    return { y: tf.add(this.reduce(y_BSHd, plan), this.bias), routing };
  }

  /**
   * `[B, S, G K, d]`: heads of one key head side by side, so that attention finds their keys. transformers orders them the
   * other way and repeats the keys instead.
   */
  private queries(x_TD: tf.Tensor2D, plan: DispatchPlan, batch: number): tf.Tensor4D {
    const { numKeyValueHeads, topK, headDim } = this.config;
    const rows_NG = multiply(this.dispatcher.dispatch(x_TD, plan), this.query, plan);
    const slots_TKGd = tf.reshape(gatherRows(rows_NG, plan.inverse), [-1, topK, numKeyValueHeads, headDim]);
    return tf.reshape(tf.transpose(slots_TKGd, [0, 2, 1, 3]), [batch, -1, numKeyValueHeads * topK, headDim]);
  }

  private reduce(y_BSHd: tf.Tensor4D, plan: DispatchPlan): tf.Tensor2D {
    const { numKeyValueHeads, topK, headDim } = this.config;
    const slots_TKGd = tf.transpose(tf.reshape(y_BSHd, [-1, numKeyValueHeads, topK, headDim]), [0, 2, 1, 3]);
    const slots_NG: tf.Tensor2D = tf.reshape(slots_TKGd, [-1, numKeyValueHeads * headDim]);
    return this.dispatcher.combine(multiply(gatherRows(slots_NG, plan.order), this.output, plan), plan);
  }

  private turned(x_BSHd: tf.Tensor4D, { tables }: AttentionInput): tf.Tensor4D {
    return tables ? rotary(x_BSHd, tables.cos, tables.sin, this.config.rotary.layout) : x_BSHd;
  }
}

/** Rows times the matrix of their expert. */
function multiply(rows: tf.Tensor2D, bank: tf.Variable<tf.Rank.R3> | PackedWeight, { offsets }: DispatchPlan): tf.Tensor2D {
  return bank instanceof PackedWeight ? packedGroupedMatmul(rows, bank.matrix, offsets) : groupedMatmul(rows, bank, offsets);
}

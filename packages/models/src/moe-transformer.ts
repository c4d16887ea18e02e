/** B sequences of S tokens, T = B S, D model width, V vocabulary. */
import * as tf from "@tensorflow/tfjs";
import { constantVariable, ShapeError, tidy, weightVariable, type ForwardOptions, type LanguageModel, type LayerRouting, type RouteContext, type RoutingTrace } from "@moekit/core";
import { DecoderLayer } from "./blocks/decoder-layer.js";
import { Linear, lookUp, project } from "./blocks/linear.js";
import { ZERO_INIT, type ModelInit } from "./blocks/model-init.js";
import { PackedWeight } from "./blocks/packed-weight.js";
import { createNorm, type Norm } from "./blocks/norm.js";
import { withoutPaddingGradient } from "./blocks/padding-gradient.js";
import { rotaryTables, type RotaryTables } from "./blocks/rotary-tables.js";
import type { RotaryConfig } from "./config/attention-config.js";
import type { ModelConfig } from "./config/model-config.js";
import type { KeyValueCache } from "./generation/key-value-cache.js";

/**
 * What {@link MoeTransformer.forward} takes besides token ids.
 * @example const options: DecoderOptions = { cache: new KeyValueCache(), lastOnly: true };
 */
export interface DecoderOptions extends ForwardOptions {
  /** Keys and values of the tokens before these; the call adds its own. */
  readonly cache?: KeyValueCache;
  /** Compute the logits of the last position only: `[B, 1, V]`. */
  readonly lastOnly?: boolean;
}

/**
 * What {@link MoeTransformer.forward} returns.
 * @example const { logits, trace }: DecoderOutput = model.forward(ids);
 */
export interface DecoderOutput {
  /** `[B, S, V]` float32. */
  readonly logits: tf.Tensor3D;
  /** `[B, S, D]` float32: the residual stream after the last norm. */
  readonly hidden: tf.Tensor3D;
  /** One entry per MoE layer, in layer order. Holds the caller's context tensors too, so free it by `tf.tidy`, not by `tf.dispose`. */
  readonly trace: RoutingTrace;
}

/**
 * A decoder-only transformer whose layers are dense or have experts, as a {@link ModelConfig} says.
 *
 * `h = embed(ids)`; per layer `h += attention(norm(h))`, `h += mlpOrMoe(norm(h))`; `logits = head(norm(h))`.
 *
 * A new model is zero: {@link createModel} makes one to train, {@link loadModel} reads one.
 *
 * @example
 * const model = createModel(config, { seed: 1 });
 * const { logits, trace } = model.forward(tf.tensor2d([[5, 7, 11]], [1, 3], "int32"));
 */
export class MoeTransformer implements LanguageModel {
  readonly embedding: { readonly weight: tf.Variable | PackedWeight };
  readonly layers: readonly DecoderLayer[];
  readonly norm: Norm;
  /** Left out where the head is the embedding matrix. */
  readonly head?: Linear;
  /** The bias of a head that is the embedding matrix, where it has one. */
  readonly headBias?: tf.Variable;

  /** @param init - How weights start; left out for a model that is going to be loaded. */
  constructor(
    readonly config: ModelConfig,
    init: ModelInit = ZERO_INIT,
  ) {
    const { vocabSize, hiddenSize, norm, tieEmbeddings, headBias } = config;
    const table = { seed: init.seed, std: init.tableStd, packed: init.packed };
    this.embedding = { weight: init.packed ? new PackedWeight([vocabSize, hiddenSize]) : weightVariable([vocabSize, hiddenSize], { ...table, stream: "embedding" }) };
    this.layers = config.layers.map((layer, index) => new DecoderLayer(layer, config, `layers.${index}`, init));
    this.norm = createNorm(config.lastNorm ?? norm, hiddenSize);
    if (!tieEmbeddings) this.head = new Linear(hiddenSize, vocabSize, { init: { ...table, stream: "head" }, bias: headBias });
    else if (headBias) this.headBias = constantVariable([vocabSize], 0);
  }

  /**
   * @param ids - `[B, S]` int32, each from 0 to V - 1.
   * @throws ShapeError if `ids` is not `[B, S]` int32.
   */
  forward(ids: tf.Tensor2D, options: DecoderOptions = {}): DecoderOutput {
    if (ids.rank !== 2 || ids.dtype !== "int32") throw new ShapeError(`MoeTransformer.forward: ids must be [B, S] int32; got [${ids.shape}] ${ids.dtype}.`);
    return tidy(() => {
      const { h_TD, trace } = this.decode(ids, options);
      const [batch, length] = ids.shape;
      const hidden: tf.Tensor3D = tf.reshape(this.norm.forward(h_TD), [batch, length, -1]);
      options.cache?.advance(length);
      return { logits: this.project(options.lastOnly ? lastPosition(hidden) : hidden), hidden, trace };
    });
  }

  private decode(ids: tf.Tensor2D, { context = {}, globalCounts, cache }: DecoderOptions): { h_TD: tf.Tensor2D; trace: LayerRouting[] } {
    const [batch, length] = ids.shape;
    const start = cache?.length ?? 0;
    const tokens = { ...context, ...tokenIds(batch, length, start) };
    const tables = tablesByConfig(this.config, start, length);
    const trace: LayerRouting[] = [];
    let h_TD = scaled(this.embed(tf.reshape(ids, [batch * length])), this.config.embeddingScale);
    this.layers.forEach((layer, index) => {
      const own: RouteContext = { ...tokens, layer: index, previous: trace.at(-1)?.routing };
      const { rotary } = this.config.layers[index]!.attention;
      const { h, routings } = layer.forward(h_TD, { layer: index, batch, start, tables: rotary && tables.get(rotary), cache, context: own });
      h_TD = h;
      for (const decided of routings) trace.push({ layer: index, ...decided, context: own, globalCounts: globalCounts?.[trace.length] });
    });
    return { h_TD, trace };
  }

  private embed(ids_T: tf.Tensor1D): tf.Tensor2D {
    const table = this.embedding.weight;
    const { padTokenId } = this.config;
    const rows_TD = lookUp(table, ids_T);
    return padTokenId === undefined || table instanceof PackedWeight ? rows_TD : withoutPaddingGradient(rows_TD, ids_T, padTokenId);
  }

  private project(hidden_BSD: tf.Tensor3D): tf.Tensor3D {
    const [batch, length, width] = hidden_BSD.shape;
    const rows_TD: tf.Tensor2D = tf.reshape(hidden_BSD, [batch * length, width]);
    const logits_TV = this.head ? this.head.forward(rows_TD) : project(rows_TD, this.embedding.weight, this.headBias);
    return tf.reshape(scaled(logits_TV, this.config.logitScale), [batch, length, -1]);
  }
}

const scaled = <T extends tf.Tensor>(x: T, factor = 1): T => (factor === 1 ? x : tf.mul(x, factor));

function lastPosition(x_BSD: tf.Tensor3D): tf.Tensor3D {
  const [batch, length, width] = x_BSD.shape;
  return tf.slice(x_BSD, [0, length - 1, 0], [batch, 1, width]);
}

/** Sequence and position of each token, `[T]`. */
function tokenIds(batch: number, length: number, start: number): { sequenceIds: tf.Tensor1D; positions: tf.Tensor1D } {
  const each = (value: (token: number) => number) => tf.tensor1d(Int32Array.from({ length: batch * length }, (_, token) => value(token)), "int32");
  return { sequenceIds: each((token) => Math.floor(token / length)), positions: each((token) => start + (token % length)) };
}

/** One pair of tables for each way in which layers turn their heads. */
function tablesByConfig({ layers }: ModelConfig, start: number, length: number): Map<RotaryConfig, RotaryTables> {
  const kinds = new Set(layers.map(({ attention }) => attention.rotary).filter((rotary) => rotary !== undefined));
  return new Map([...kinds].map((rotary) => [rotary, rotaryTables(rotary, start, length)]));
}

/** B sequences, S tokens of an input, U tokens of an output, D model width, V vocabulary. */
import * as tf from "@tensorflow/tfjs";
import { ShapeError, tidy, weightVariable, type RouteContext, type RoutingTrace } from "@moekit/core";
import { Linear, lookUp, project } from "../blocks/linear.js";
import { ZERO_INIT, type ModelInit } from "../blocks/model-init.js";
import { PackedWeight } from "../blocks/packed-weight.js";
import type { EncoderDecoderConfig } from "./config.js";
import type { DecoderCache } from "./decoder-cache.js";
import { Stack } from "./stack.js";

/**
 * What {@link EncoderDecoder.decode} takes besides ids and the encoder's output.
 * @example const options: DecodeOptions = { cache: new DecoderCache(), lastOnly: true };
 */
export interface DecodeOptions {
  /** What calls for the tokens before these left; the call adds its own. */
  readonly cache?: DecoderCache;
  /** Compute the logits of the last position only: `[B, 1, V]`. */
  readonly lastOnly?: boolean;
  /** For routers, e.g. `{ training: true, seed: step }`. */
  readonly context?: RouteContext;
}

/**
 * What {@link EncoderDecoder.encode} returns.
 * @example const { hidden }: Encoded = model.encode(ids);
 */
export interface Encoded {
  /** `[B, S, D]` float32, after the last norm. */
  readonly hidden: tf.Tensor3D;
  /** One entry per layer with experts, in layer order; layers of the decoder are counted on from those of the encoder. */
  readonly trace: RoutingTrace;
}

/**
 * What {@link EncoderDecoder.decode} returns.
 * @example const { logits }: Decoded = model.decode(ids, encoded.hidden);
 */
export interface Decoded extends Encoded {
  /** `[B, U, V]` float32. */
  readonly logits: tf.Tensor3D;
}

/**
 * An encoder-decoder transformer in the style of T5 whose layers are dense or have experts: Switch Transformers.
 *
 * Both stacks: `h = embed(ids)`; per layer `h += attention(norm(h))`, in the decoder also to the encoder's output, and
 * `h += mlpOrExperts(norm(h))`; then a norm. `logits = head(h)`, where head and embedding are one table
 * `head(h D ** -0.5)`. Attention has no scale, and a bias for each head and distance.
 *
 * A new model is zero: {@link loadEncoderDecoder} reads one.
 *
 * @source Fedus et al. 2021, arXiv:2101.03961; Raffel et al. 2020, arXiv:1910.10683.
 * @example
 * const model = await loadEncoderDecoder("switch-base-8");
 * const { hidden } = model.encode(tf.tensor2d([[5, 7, 1]], [1, 3], "int32"));
 * const { logits } = model.decode(tf.tensor2d([[0]], [1, 1], "int32"), hidden);
 */
export class EncoderDecoder {
  /** The table of both stacks and the head where they are tied; otherwise nothing reads it, but files have it. */
  readonly embedding: { readonly weight: tf.Variable | PackedWeight };
  readonly encoderEmbedding?: { readonly weight: tf.Variable | PackedWeight };
  readonly decoderEmbedding?: { readonly weight: tf.Variable | PackedWeight };
  readonly encoder: Stack;
  readonly decoder: Stack;
  readonly head?: Linear;

  /** @param init - How weights start; left out for a model that is going to be loaded. */
  constructor(
    readonly config: EncoderDecoderConfig,
    init: ModelInit = ZERO_INIT,
  ) {
    const { vocabSize, hiddenSize, tieEmbeddings } = config;
    const start = (stream: string) => ({ seed: init.seed, std: init.tableStd, stream, packed: init.packed });
    const shape = [vocabSize, hiddenSize];
    const table = (stream: string) => ({ weight: init.packed ? new PackedWeight(shape) : weightVariable(shape, start(stream)) });
    this.embedding = table("embedding");
    if (!tieEmbeddings) this.encoderEmbedding = table("encoderEmbedding");
    if (!tieEmbeddings) this.decoderEmbedding = table("decoderEmbedding");
    this.encoder = new Stack(config, "encoder", init);
    this.decoder = new Stack(config, "decoder", init);
    if (!tieEmbeddings) this.head = new Linear(hiddenSize, vocabSize, { init: start("head") });
  }

  /**
   * @param ids - `[B, S]` int32, each from 0 to V - 1. All are seen: there is no padding.
   * @throws ShapeError if `ids` is not `[B, S]` int32.
   */
  encode(ids: tf.Tensor2D, context: RouteContext = {}): Encoded {
    checkIds("encode", ids);
    return tidy(() => {
      const { h_TD, trace } = this.encoder.forward(rowsOf(this.encoderEmbedding ?? this.embedding, ids), { batch: ids.shape[0], context });
      return { hidden: tf.reshape(h_TD, [...ids.shape, -1]), trace };
    });
  }

  /**
   * @param ids - `[B, U]` int32; what the decoder has written, from its start token on, or with a cache what is new of it.
   * @param encoded - `[B, S, D]`, the `hidden` of {@link encode}.
   * @throws ShapeError if a shape does not fit.
   */
  decode(ids: tf.Tensor2D, encoded: tf.Tensor3D, { cache, lastOnly = false, context = {} }: DecodeOptions = {}): Decoded {
    checkIds("decode", ids);
    const [batch, length] = ids.shape;
    if (encoded.rank !== 3 || encoded.shape[0] !== batch) throw new ShapeError(`EncoderDecoder.decode: encoded must be [${batch}, S, D], as many sequences as ids has; got [${encoded.shape}].`);
    return tidy(() => {
      const encoded_TD: tf.Tensor2D = tf.reshape(encoded, [-1, this.config.hiddenSize]);
      const { h_TD, trace } = this.decoder.forward(rowsOf(this.decoderEmbedding ?? this.embedding, ids), { batch, encoded_TD, cache, context });
      const hidden: tf.Tensor3D = tf.reshape(h_TD, [batch, length, -1]);
      const asked: tf.Tensor3D = lastOnly ? tf.slice(hidden, [0, length - 1, 0], [-1, 1, -1]) : hidden;
      return { logits: this.project(asked), hidden, trace };
    });
  }

  private project(hidden: tf.Tensor3D): tf.Tensor3D {
    const { hiddenSize } = this.config;
    const rows_TD: tf.Tensor2D = tf.reshape(hidden, [-1, hiddenSize]);
    const logits_TV = this.head ? this.head.forward(rows_TD) : project(tf.mul(rows_TD, hiddenSize ** -0.5), this.embedding.weight);
    return tf.reshape(logits_TV, [hidden.shape[0], hidden.shape[1], -1]);
  }
}

function rowsOf({ weight }: EncoderDecoder["embedding"], ids: tf.Tensor2D): tf.Tensor2D {
  return lookUp(weight, tf.reshape(ids, [ids.size]));
}

function checkIds(method: string, ids: tf.Tensor2D): void {
  if (ids.rank !== 2 || ids.dtype !== "int32") throw new ShapeError(`EncoderDecoder.${method}: ids must be [B, S] int32; got [${ids.shape}] ${ids.dtype}.`);
}

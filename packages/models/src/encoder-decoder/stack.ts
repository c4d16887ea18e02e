/** B sequences of S tokens, T = B S, D model width. */
import type * as tf from "@tensorflow/tfjs";
import type { LayerRouting, RouteContext } from "@moekit/core";
import type { ModelInit } from "../blocks/model-init.js";
import { createNorm, type Norm } from "../blocks/norm.js";
import type { EncoderDecoderConfig } from "./config.js";
import type { DecoderCache } from "./decoder-cache.js";
import { PositionBias } from "./position-bias.js";
import { StackLayer } from "./stack-layer.js";

/** What a stack needs besides the embeddings of its tokens. */
export interface StackInput {
  readonly batch: number;
  readonly encoded_TD?: tf.Tensor2D;
  readonly cache?: DecoderCache;
  readonly context: RouteContext;
}

/** The encoder or the decoder: layers that share one position bias, and a last norm. */
export class Stack {
  readonly positions: PositionBias;
  readonly layers: readonly StackLayer[];
  readonly norm: Norm;
  /** Index in the model of its first layer: those of the encoder come first. */
  private readonly first: number;

  constructor(config: EncoderDecoderConfig, side: "encoder" | "decoder", init: ModelInit) {
    const direction = side === "encoder" ? "both" : "before";
    this.positions = new PositionBias(config.positions, config.numHeads, direction, `${side}.positions`, init);
    this.layers = config[side].map((kind, index) => new StackLayer(kind, config, side, `${side}.layers.${index}`, init));
    this.norm = createNorm(config.norm, config.hiddenSize);
    this.first = side === "encoder" ? 0 : config.encoder.length;
  }

  /** @returns The normed residual stream, and what the routers decided, in layer order. */
  forward(embedded_TD: tf.Tensor2D, { batch, context, ...input }: StackInput): { h_TD: tf.Tensor2D; trace: LayerRouting[] } {
    const [length, start] = [embedded_TD.shape[0] / batch, input.cache?.own.length ?? 0];
    const bias = this.positions.of(length, start + length, start);
    const trace: LayerRouting[] = [];
    let h_TD = embedded_TD;
    this.layers.forEach((layer, index) => {
      const own: RouteContext = { ...context, layer: this.first + index, previous: trace.at(-1)?.routing };
      const { h, routing } = layer.forward(h_TD, { ...input, layer: index, batch, bias, context: own });
      h_TD = h;
      if (routing) trace.push({ layer: this.first + index, routing, context: own });
    });
    input.cache?.own.advance(length);
    return { h_TD: this.norm.forward(h_TD), trace };
  }
}

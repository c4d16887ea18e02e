import type { Tensor2D } from "@tensorflow/tfjs";
import type { RouteContext, Routing } from "@moekit/core";
import type { AttentionConfig } from "../config/attention-config.js";
import type { ModelConfig } from "../config/model-config.js";
import type { KeyValueCache } from "../generation/key-value-cache.js";
import { ExpertAttention } from "./expert-attention.js";
import { GroupedAttention } from "./grouped-attention.js";
import { LinearAttention } from "./linear-attention.js";
import { LatentAttention } from "./latent-attention.js";
import type { ModelInit } from "./model-init.js";
import type { RotaryTables } from "./rotary-tables.js";

/** What a block needs to know about the batch it sees. */
export interface AttentionInput {
  /** Index of the layer, under which its keys and values are cached. */
  readonly layer: number;
  readonly batch: number;
  /** Tokens of each sequence that came before these. */
  readonly start: number;
  /** cos and sin of the positions of this batch; left out where the layer has no rotary positions. */
  readonly tables?: RotaryTables;
  readonly cache?: KeyValueCache;
  /** For attention that has experts of its own. */
  readonly context: RouteContext;
}

/** Mixes the tokens of each sequence. */
export interface Attention {
  /** @param x_TD - `[T, D]`, the sequences one after another. */
  forward(x_TD: Tensor2D, input: AttentionInput): { y: Tensor2D; routing?: Routing };
}

/** Sizes that all kinds of attention share. */
export type AttentionSizes = Pick<ModelConfig, "hiddenSize" | "norm">;

/** The attention that the config asks for. */
export function createAttention(config: AttentionConfig, sizes: AttentionSizes, stream: string, init: ModelInit): Attention {
  switch (config.kind) {
    case "grouped":
      return new GroupedAttention(config, sizes, stream, init);
    case "latent":
      return new LatentAttention(config, sizes, stream, init);
    case "experts":
      return new ExpertAttention(config, sizes, stream, init);
    case "linear":
      return new LinearAttention(config, sizes, stream, init);
  }
}

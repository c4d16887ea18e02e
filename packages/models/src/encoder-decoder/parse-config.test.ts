import { isMoekitError } from "@moekit/core";
import { describe, expect, it } from "vitest";
import { parseConfig } from "../config/parse-config.js";
import { fixtureJson } from "../testing/fixtures.js";
import { parseEncoderDecoderConfig } from "./parse-config.js";

const source = fixtureJson<Record<string, unknown>>("switch_transformers", "config.json");
const parse = (change: object) => parseEncoderDecoderConfig({ ...source, ...change });

/** Keys of the published checkpoint, as transformers 4 wrote them. */
const switchBase8 = {
  architectures: ["SwitchTransformersForConditionalGeneration"], add_router_probs: false, batch_prioritized_routing: false, d_ff: 3072, d_kv: 64, d_model: 768, decoder_sparse_step: 2,
  decoder_start_token_id: 0, dense_act_fn: "relu", dropout_rate: 0.1, encoder_sparse_step: 2, eos_token_id: 1, expert_capacity: 64, feed_forward_proj: "relu", initializer_factor: 1.0,
  is_encoder_decoder: true, is_gated_act: false, layer_norm_epsilon: 1e-6, model_type: "switch_transformers", moe_token_dropout: 0.2, n_positions: 512, normalize_router_prob_before_dropping: false,
  num_decoder_layers: 12, num_experts: 8, num_heads: 12, num_layers: 12, num_selected_experts: 1, num_sparse_decoder_layers: 6, num_sparse_encoder_layers: 6, output_past: true, pad_token_id: 0,
  relative_attention_max_distance: 128, relative_attention_num_buckets: 32, router_aux_loss_coef: 0.001, router_bias: false, router_dtype: "float32", router_ignore_padding_tokens: false,
  router_jitter_noise: 0.01, router_type: "tokens_masked", router_z_loss_coef: 0.001, second_expert_policy: "all", tie_word_embeddings: false, use_cache: true, vocab_size: 32128,
};

describe("parseEncoderDecoderConfig", () => {
  it("reads switch-base-8", () => {
    const { encoder, decoder, feedForward, tieEmbeddings } = parseEncoderDecoderConfig(switchBase8);
    expect(encoder).toEqual(Array.from({ length: 12 }, (_, layer) => (layer % 2 === 1 ? "moe" : "dense")));
    expect(decoder).toEqual(encoder);
    expect(feedForward).toMatchObject({ width: 3072, activation: "relu", numExperts: 8, capacity: 64, routerDtype: "float32", inputJitter: 0.01 });
    expect(tieEmbeddings).toBe(false);
  });

  it("puts experts where transformers does", () => {
    const kinds = (layers: number, sparse: number, step?: number) => parse({ num_layers: layers, num_sparse_encoder_layers: sparse, encoder_sparse_step: step }).encoder.map((kind) => kind[0]).join("");
    expect(kinds(6, 2)).toBe("dmddmd");
    expect(kinds(3, 3)).toBe("mmm");
    expect(kinds(2, 3)).toBe("dd");
    // No sparse layers makes the step the number of layers, and so the second one sparse.
    expect(kinds(4, 0)).toBe("dmdd");
    expect(kinds(1, 0)).toBe("m");
    expect(kinds(6, 2, 4)).toBe("dmdddm");
  });

  it.each([
    [{ n_layers: 3 }, 'unknown key "n_layers"'],
    [{ feed_forward_proj: "gated-gelu" }, "must be what dense_act_fn is"],
    [{ dense_act_fn: "gated-gelu" }, "dense_act_fn must be one of relu, gelu, silu"],
    [{ router_dtype: "float64" }, "router_dtype must be one of"],
    [{ expert_capacity: 0 }, '"expert_capacity" must be a whole number of at least 1'],
    [{ num_selected_experts: 2 }, "num_selected_experts = 2 is not supported"],
    [{ relative_attention_max_distance: 16 }, "relative_attention_max_distance must be above"],
  ])("refuses %o", (change, message) => {
    expect(() => parse(change)).toThrow(expect.toSatisfy((error: unknown) => isMoekitError(error, "config") && error.message.includes(message)) as Error);
  });

  it("is told from a decoder, and knows no other family", () => {
    expect(() => parseConfig(source)).toThrow("a switch_transformers is an encoder-decoder, not a decoder. Use loadEncoderDecoder");
    expect(() => parse({ model_type: "t5" })).toThrow("switch_transformers");
  });
});

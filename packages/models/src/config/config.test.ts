import { readFileSync } from "node:fs";
import { isMoekitError } from "@moekit/core";
import { describe, expect, it } from "vitest";
import { modelFamilies } from "../families/index.js";
import type { GroupedAttentionConfig, LatentAttentionConfig } from "./attention-config.js";
import type { ModelConfig } from "./model-config.js";
import { parseConfig, withRouter } from "./parse-config.js";

const fixture = (family: string): Record<string, unknown> => JSON.parse(readFileSync(new URL(`../../fixtures/${family}/config.json`, import.meta.url), "utf8")) as Record<string, unknown>;

const windowOf = ({ layers: [first] }: ModelConfig): number | undefined => (first!.attention as GroupedAttentionConfig).window;

/** Keys of the published checkpoints, as transformers 4 wrote them. */
const published = {
  "Mixtral-8x7B-v0.1": {
    architectures: ["MixtralForCausalLM"], attention_dropout: 0.0, bos_token_id: 1, eos_token_id: 2, hidden_act: "silu", hidden_size: 4096, initializer_range: 0.02,
    intermediate_size: 14336, max_position_embeddings: 32768, model_type: "mixtral", num_attention_heads: 32, num_experts_per_tok: 2, num_hidden_layers: 32,
    num_key_value_heads: 8, num_local_experts: 8, output_router_logits: false, rms_norm_eps: 1e-5, rope_theta: 1000000.0, router_aux_loss_coef: 0.02,
    sliding_window: null, tie_word_embeddings: false, torch_dtype: "bfloat16", transformers_version: "4.36.0.dev0", use_cache: true, vocab_size: 32000,
  },
  "OLMoE-1B-7B-0924": {
    architectures: ["OlmoeForCausalLM"], attention_bias: false, attention_dropout: 0.0, clip_qkv: null, eos_token_id: 50279, hidden_act: "silu", hidden_size: 2048,
    initializer_range: 0.02, intermediate_size: 1024, max_position_embeddings: 4096, model_type: "olmoe", norm_topk_prob: false, num_attention_heads: 16, num_experts: 64,
    num_experts_per_tok: 8, num_hidden_layers: 16, num_key_value_heads: 16, output_router_logits: false, pad_token_id: 1, rms_norm_eps: 1e-5, rope_scaling: null,
    rope_theta: 10000.0, router_aux_loss_coef: 0.01, tie_word_embeddings: false, torch_dtype: "bfloat16", transformers_version: "4.43.0.dev0", use_cache: true, vocab_size: 50304,
  },
  "Qwen3-30B-A3B": {
    architectures: ["Qwen3MoeForCausalLM"], attention_bias: false, attention_dropout: 0.0, bos_token_id: 151643, decoder_sparse_step: 1, eos_token_id: 151645, head_dim: 128,
    hidden_act: "silu", hidden_size: 2048, initializer_range: 0.02, intermediate_size: 6144, max_position_embeddings: 40960, max_window_layers: 48, mlp_only_layers: [],
    model_type: "qwen3_moe", moe_intermediate_size: 768, norm_topk_prob: true, num_attention_heads: 32, num_experts: 128, num_experts_per_tok: 8, num_hidden_layers: 48,
    num_key_value_heads: 4, output_router_logits: false, rms_norm_eps: 1e-6, rope_scaling: null, rope_theta: 1000000.0, router_aux_loss_coef: 0.001, sliding_window: null,
    tie_word_embeddings: false, torch_dtype: "bfloat16", transformers_version: "4.51.0", use_cache: true, use_sliding_window: false, vocab_size: 151936,
  },
};

describe("parseConfig", () => {
  it("reads the published Mixtral 8x7B", () => {
    const config = parseConfig(published["Mixtral-8x7B-v0.1"]);
    expect(config).toMatchObject({ family: "mixtral", vocabSize: 32000, hiddenSize: 4096, norm: { kind: "rms", eps: 1e-5 }, tieEmbeddings: false, auxLossCoefficient: 0.02, endTokenIds: [2] });
    expect(config.layers).toHaveLength(32);
    expect(config.layers[31]!.attention).toEqual({ kind: "grouped", numHeads: 32, numKeyValueHeads: 8, headDim: 128, bias: { queryKeyValue: false, output: false }, window: undefined, rotary: { rope: { kind: "default", theta: 1e6 }, dim: 128, layout: "half" } });
    expect(config.layers[0]!.feedForward).toMatchObject({ kind: "moe", numExperts: 8, topK: 2, width: 14336, router: { renormalise: true } });
  });

  it("reads the published OLMoE", () => {
    const { attention, feedForward } = parseConfig(published["OLMoE-1B-7B-0924"]).layers[0]!;
    expect(attention).toMatchObject({ qkNorm: { over: "all-heads", after: "projection" }, headDim: 128, clip: undefined });
    expect(feedForward).toMatchObject({ numExperts: 64, topK: 8, width: 1024, router: { renormalise: false } });
  });

  it("reads the published Qwen3 30B-A3B, whose heads are wider than their share of the model", () => {
    const { attention, feedForward } = parseConfig(published["Qwen3-30B-A3B"]).layers[47]!;
    expect(attention).toMatchObject({ qkNorm: { over: "head", after: "projection" }, headDim: 128, numHeads: 32, window: undefined });
    expect(feedForward).toMatchObject({ numExperts: 128, topK: 8, width: 768, router: { renormalise: true } });
  });

  it("reads what transformers 5 writes", () => {
    for (const family of ["mixtral", "olmoe", "qwen3_moe"]) expect(parseConfig(fixture(family)).family).toBe(family);
  });

  it("a layer is dense where decoder_sparse_step or mlp_only_layers say so", () => {
    const kinds = (change: object) => parseConfig({ ...fixture("qwen3_moe"), num_hidden_layers: 6, ...change }).layers.map(({ feedForward }) => (feedForward.kind === "moe" ? "m" : "d")).join("");
    expect(kinds({ decoder_sparse_step: 1 })).toBe("mmmmmm");
    expect(kinds({ decoder_sparse_step: 2 })).toBe("dmdmdm");
    expect(kinds({ decoder_sparse_step: 3 })).toBe("ddmddm");
    expect(kinds({ decoder_sparse_step: 1, mlp_only_layers: [0, 4] })).toBe("dmmmdm");
  });

  it("a sliding window counts in qwen3_moe only when it is switched on", () => {
    const window = (change: object) => windowOf(parseConfig({ ...fixture("qwen3_moe"), ...change }));
    expect(window({ sliding_window: 8 })).toBeUndefined();
    expect(window({ sliding_window: 8, use_sliding_window: true })).toBe(8);
    expect(windowOf(parseConfig({ ...fixture("mixtral"), sliding_window: 16 }))).toBe(16);
  });

  it("theta comes from rope_parameters, rope_theta or the family", () => {
    const { rope_parameters: _, ...bare } = fixture("mixtral");
    const theta = (change: object) => parseConfig({ ...bare, ...change }).layers[0]!.attention.rotary!.rope.theta;
    expect(theta({})).toBe(1e6);
    expect(theta({ rope_theta: 500 })).toBe(500);
    expect(theta({ rope_parameters: { rope_type: "default", rope_theta: 700 } })).toBe(700);
    expect(() => theta({ rope_theta: 500, rope_parameters: { rope_type: "default", rope_theta: 700 } })).toThrow("500 at the top and 700");
  });

  it("heads are the whole share of the width, where the file does not say how wide", () => {
    const dim = (change: object) => (parseConfig({ ...fixture("mixtral"), hidden_size: 27, ...change }).layers[0]!.attention as GroupedAttentionConfig).headDim;
    expect(dim({ head_dim: undefined })).toBe(6);
    expect(dim({ head_dim: null })).toBe(6);
    expect(dim({ head_dim: 10 })).toBe(10);
  });

  it("a share of the head that turns is rounded up to pairs, with the frequencies of the odd number", () => {
    const dim = (change: object) => parseConfig({ ...fixture("glm4_moe"), head_dim: 9, rope_parameters: { rope_type: "default", ...change } }).layers[0]!.attention.rotary!.dim;
    expect([dim({ partial_rotary_factor: 0.5 }), dim({ partial_rotary_factor: 0.4 })]).toEqual([4, 3]);
    expect(() => dim({ partial_rotary_factor: 1 })).toThrow("partial_rotary_factor 1 of head_dim 9");
    expect(() => dim({ rope_type: "yarn", factor: 2, partial_rotary_factor: 0.4 })).toThrow("partial_rotary_factor 0.4 of head_dim 9 must be an even number");
  });

  it("null is another thing than left out where a class has a default that is not null", () => {
    const ranks = (change: object) => (parseConfig({ ...fixture("deepseek_v3"), ...change }).layers[0]!.attention as LatentAttentionConfig).queryRank;
    expect([ranks({ q_lora_rank: undefined }), ranks({ q_lora_rank: null }), ranks({ q_lora_rank: 5 })]).toEqual([1536, undefined, 5]);
    const window = (change: object) => windowOf(parseConfig({ ...fixture("qwen3"), layer_types: undefined, use_sliding_window: true, max_window_layers: 0, ...change }));
    expect([window({ sliding_window: undefined }), window({ sliding_window: null }), window({ sliding_window: 5 })]).toEqual([4096, undefined, 5]);
    expect((parseConfig({ ...fixture("gpt_oss"), head_dim: null }).layers[0]!.attention as GroupedAttentionConfig).headDim).toBe(8);
  });

  it("padding may be counted from the end of the vocabulary", () => {
    const pad = (id: number | null) => parseConfig({ ...fixture("llama"), pad_token_id: id }).padTokenId;
    expect([pad(null), pad(0), pad(-1)]).toEqual([undefined, 0, 159]);
  });

  it("takes what old versions of transformers wrote into every file", () => {
    const old = { _attn_implementation_autoset: true, attn_implementation: "sdpa", attention_dropout: 0.1, auto_map: {}, do_sample: true, max_length: 4096, temperature: 0.6, top_p: 0.9, torchscript: false, pruned_heads: {}, tokenizer_class: null, use_bfloat16: false };
    expect(parseConfig({ ...fixture("granitemoe"), ...old }).layers).toEqual(parseConfig(fixture("granitemoe")).layers);
  });

  it("keeps the file's content for writing it back", () => {
    expect(parseConfig(fixture("olmoe")).source).toEqual(fixture("olmoe"));
  });

  const wrong: [string, string, object, string][] = [
    ["an unknown key", "olmoe", { sliding_windw: 4 }, '"sliding_windw"'],
    ["a key of another family", "mixtral", { norm_topk_prob: true }, '"norm_topk_prob"'],
    ["a missing size", "olmoe", { vocab_size: null }, '"vocab_size" is missing'],
    ["a size that is text", "olmoe", { vocab_size: "many" }, "whole number"],
    ["a size of zero", "olmoe", { hidden_size: 0 }, "whole number"],
    ["another activation", "mixtral", { hidden_act: "gelu" }, "hidden_act"],
    ["dropout of everything", "mixtral", { attention_dropout: 1 }, '"attention_dropout" must be a number from 0 to below 1'],
    ["a window that is no number, though it is off", "qwen3_moe", { sliding_window: "wide" }, '"sliding_window" must be a whole number'],
    ["a share of the head that turns, where the family turns all", "olmoe", { partial_rotary_factor: 0.5 }, "partial_rotary_factor = 0.5 is not supported"],
    ["experts that do not split into groups", "glm4_moe", { n_group: 3 }, "n_routed_experts 8 must be a multiple of n_group 3"],
    ["more groups than there are", "deepseek_v3", { topk_group: 5 }, "topk_group 5 must be at most n_group 4"],
    ["more choices than the groups have", "deepseek_v2", { topk_group: 1 }, "num_experts_per_tok 3 must be at most 2, the experts in 1 (topk_group) of 4 (n_group) groups"],
    ["another frequency of experts", "deepseek_v3", { moe_layer_freq: 2 }, "moe_layer_freq = 2 is not supported"],
    ["padding outside the vocabulary", "olmoe", { pad_token_id: 160 }, "pad_token_id 160 must be below vocab_size 160"],
    ["chunks of no length", "llama4_text", { attention_chunk_size: null }, "attention_chunk_size is null"],
    ["a negative jitter", "mixtral", { router_jitter_noise: -0.1 }, "number of at least 0"],
    ["heads that do not share keys evenly", "mixtral", { num_key_value_heads: 3 }, "multiple of num_key_value_heads 3"],
    ["two different numbers of experts", "qwen3_moe", { num_experts: 4 }, "num_experts is 4, but num_local_experts is 8"],
    ["more choices than experts", "olmoe", { num_experts_per_tok: 9 }, "at most num_experts 8"],
    ["an unknown rope type", "olmoe", { rope_parameters: { rope_type: "spiral", factor: 2 } }, '"spiral" is unknown'],
    ["an unknown rope key", "olmoe", { rope_parameters: { rope_type: "default", factr: 2 } }, 'unknown key "factr"'],
    ["a scaling factor without scaling", "olmoe", { rope_parameters: { rope_type: "default", factor: 2 } }, 'unknown key "factor"'],
    ["old and new rope keys at once", "olmoe", { rope_scaling: { type: "linear", factor: 2 } }, "contradict"],
    ["a llama3 ramp upside down", "olmoe", { rope_parameters: { rope_type: "llama3", factor: 8, low_freq_factor: 4, high_freq_factor: 1 } }, "must be at or above low_freq_factor"],
    ["heads narrower than their share in olmoe", "olmoe", { head_dim: 4 }, "head_dim must be"],
    ["a width that heads cannot share", "llama", { hidden_size: 34, head_dim: 8 }, "hidden_size 34 must be a multiple of num_attention_heads 4"],
    ["an odd head width", "mixtral", { head_dim: 5 }, "even number"],
    ["a window that is on but has no size", "qwen3_moe", { use_sliding_window: true }, '"sliding_window" is missing'],
    ["a list of layers that is none", "qwen3_moe", { mlp_only_layers: "all" }, "list of whole numbers"],
  ];
  it.each(wrong)("%s is a ConfigError that names it", (_name, family, change, message) => {
    const parse = () => parseConfig({ ...fixture(family), ...change });
    expect(parse).toThrow(message);
    expect(parse).toThrow(expect.toSatisfy((error: unknown) => isMoekitError(error, "config")) as Error);
  });

  it("an unknown family is named with the known ones", () => {
    expect(() => parseConfig({ model_type: "gpt9" })).toThrow(`unknown name "gpt9"; known names are ${modelFamilies().sort().join(", ")}`);
  });
});

describe("withRouter", () => {
  it("replaces the router of all MoE layers and survives writing and reading", () => {
    const config = withRouter(parseConfig(fixture("qwen3_moe")), { name: "sigmoid" });
    const routers = (layers: typeof config.layers) => layers.map(({ feedForward }) => (feedForward.kind === "moe" ? feedForward.router.name : "dense"));
    expect(routers(config.layers)).toEqual(["dense", "sigmoid", "dense"]);
    expect(routers(parseConfig(config.source).layers)).toEqual(routers(config.layers));
  });

  it("gives the file a model_type that transformers refuses", () => {
    expect(withRouter(parseConfig(fixture("olmoe")), { name: "topP", p: 0.5 }).source.model_type).toBe("moekit_olmoe");
  });

  it("names a router that does not exist", () => {
    expect(() => withRouter(parseConfig(fixture("olmoe")), { name: "roundRobin" })).toThrow('unknown name "roundRobin"');
  });

  it("the router key is refused under a Hugging Face model_type", () => {
    expect(() => parseConfig({ ...fixture("olmoe"), moekit_router: { name: "topP" } })).toThrow('unknown key "moekit_router"');
    expect(() => parseConfig({ ...fixture("olmoe"), model_type: "moekit_olmoe" })).toThrow('"moekit_router" is missing');
  });
});

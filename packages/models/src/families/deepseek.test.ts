import * as tf from "@tensorflow/tfjs";
import { disposeParameters } from "@moekit/core";
import { beforeAll, describe, expect, it } from "vitest";
import { loadModel } from "../checkpoint/load-model.js";
import { parseConfig } from "../config/parse-config.js";
import { modelSize } from "../counting.js";
import { KeyValueCache } from "../generation/key-value-cache.js";
import { fixtureFolder, fixtureJson, useBackend } from "../testing/fixtures.js";

const YARN = { beta_fast: 32, beta_slow: 1, factor: 40, original_max_position_embeddings: 4096, type: "yarn" };
const COMMON = {
  attention_bias: false, attention_dropout: 0.0, aux_loss_alpha: 0.001, bos_token_id: 0, eos_token_id: 1, ep_size: 1, hidden_act: "silu", initializer_range: 0.02, max_position_embeddings: 163840,
  moe_layer_freq: 1, pretraining_tp: 1, qk_nope_head_dim: 128, qk_rope_head_dim: 64, kv_lora_rank: 512, v_head_dim: 128, rms_norm_eps: 1e-6, rope_theta: 10000, seq_aux: true, tie_word_embeddings: false,
  torch_dtype: "bfloat16", transformers_version: "4.33.1", use_cache: true,
};

/** Keys of the published checkpoints. */
const published = {
  "DeepSeek-V3": {
    ...COMMON, architectures: ["DeepseekV3ForCausalLM"], auto_map: { AutoConfig: "configuration_deepseek.DeepseekV3Config" }, first_k_dense_replace: 3, hidden_size: 7168, intermediate_size: 18432, model_type: "deepseek_v3",
    moe_intermediate_size: 2048, n_group: 8, n_routed_experts: 256, n_shared_experts: 1, norm_topk_prob: true, num_attention_heads: 128, num_experts_per_tok: 8, num_hidden_layers: 61, num_key_value_heads: 128,
    num_nextn_predict_layers: 1, q_lora_rank: 1536, rope_scaling: { ...YARN, mscale: 1.0, mscale_all_dim: 1.0 }, routed_scaling_factor: 2.5, scoring_func: "sigmoid", topk_group: 4, topk_method: "noaux_tc", vocab_size: 129280,
    quantization_config: { activation_scheme: "dynamic", fmt: "e4m3", quant_method: "fp8", weight_block_size: [128, 128] },
  },
  "DeepSeek-V2": {
    ...COMMON, architectures: ["DeepseekV2ForCausalLM"], first_k_dense_replace: 1, hidden_size: 5120, intermediate_size: 12288, model_type: "deepseek_v2", moe_intermediate_size: 1536, n_group: 8, n_routed_experts: 160,
    n_shared_experts: 2, norm_topk_prob: false, num_attention_heads: 128, num_experts_per_tok: 6, num_hidden_layers: 60, num_key_value_heads: 128, q_lora_rank: 1536, rope_scaling: { ...YARN, mscale: 0.707, mscale_all_dim: 0.707 },
    routed_scaling_factor: 16.0, scoring_func: "softmax", topk_group: 3, topk_method: "group_limited_greedy", vocab_size: 102400,
  },
  "DeepSeek-V2-Lite": {
    ...COMMON, architectures: ["DeepseekV2ForCausalLM"], first_k_dense_replace: 1, hidden_size: 2048, intermediate_size: 10944, model_type: "deepseek_v2", moe_intermediate_size: 1408, n_group: 1, n_routed_experts: 64,
    n_shared_experts: 2, norm_topk_prob: false, num_attention_heads: 16, num_experts_per_tok: 6, num_hidden_layers: 27, num_key_value_heads: 16, q_lora_rank: null, rope_scaling: { ...YARN, mscale: 0.707, mscale_all_dim: 0.707 },
    routed_scaling_factor: 1.0, scoring_func: "softmax", topk_group: 1, topk_method: "greedy", vocab_size: 102400,
  },
};

describe("deepseek_v3 and deepseek_v2", () => {
  beforeAll(() => useBackend("cpu"));

  it("reads the published V3: 671 billion parameters, 37 billion active", () => {
    const config = parseConfig(published["DeepSeek-V3"]);
    const [first, last] = [config.layers[2]!, config.layers[3]!];
    // 192^-0.5 (0.1 ln 40 + 1)^2; cos and sin stay as they are, because both factors are equal.
    expect(last.attention).toEqual({
      kind: "latent", numHeads: 128, queryRank: 1536, latentRank: 512, contentDim: 128, valueDim: 128, bias: false, scale: expect.closeTo(0.135234, 6),
      rotary: { rope: expect.objectContaining({ kind: "yarn", factor: 40, attentionFactor: 1 }), dim: 64, layout: "interleaved" },
    });
    expect(first.feedForward).toEqual({ kind: "dense", width: 18432, bias: false });
    expect(last.feedForward).toEqual({
      kind: "moe", numExperts: 256, topK: 8, width: 2048, shared: { width: 2048, gated: false, bias: false },
      router: { name: "sigmoid", numGroups: 8, topKGroups: 4, normalise: true, routedScalingFactor: 2.5 },
    });
    const { parameters, activeParameters } = modelSize(config);
    expect(parameters / 1e9).toBeCloseTo(671.03, 1);
    expect(activeParameters / 1e9).toBeCloseTo(37.55, 1);
  });

  it("reads the published V2 and V2-Lite: 236 and 16 billion parameters", () => {
    const [large, lite] = [parseConfig(published["DeepSeek-V2"]), parseConfig(published["DeepSeek-V2-Lite"])];
    expect(large.layers[59]!.feedForward).toMatchObject({ shared: { width: 3072 }, router: { name: "groupLimited", numGroups: 8, topKGroups: 3, routedScalingFactor: 16 } });
    expect(lite.layers[26]!.feedForward).toMatchObject({ shared: { width: 2816 }, router: { name: "groupLimited", numGroups: 1, topKGroups: 1, routedScalingFactor: 1 } });
    expect(lite.layers[0]!.attention).toMatchObject({ queryRank: undefined, scale: expect.closeTo(0.114721, 6) });
    expect(modelSize(large).parameters / 1e9).toBeCloseTo(235.7, 1);
    expect(modelSize(lite).parameters / 1e9).toBeCloseTo(15.7, 1);
  });

  it("a key of a context of 1000 tokens costs its content, its positions and its value", () => {
    const [long, longer] = [1000, 1001].map((context) => modelSize(parseConfig(published["DeepSeek-V2-Lite"]), context).forwardFlopsPerToken);
    expect(longer! - long!).toBe(27 * 2 * 16 * (128 + 64 + 128));
  });

  it.each([
    ["deepseek_v3", { topk_method: "greedy" }, 'topk_method = "greedy" is not supported'],
    ["deepseek_v3", { scoring_func: "softmax" }, 'scoring_func = "softmax" is not supported'],
    ["deepseek_v3", { num_key_value_heads: 2 }, "num_key_value_heads = 2 is not supported; all 4 heads have keys of their own"],
    ["deepseek_v3", { qk_head_dim: 13 }, "qk_head_dim = 13 is not supported; qk_nope_head_dim + qk_rope_head_dim is 12"],
    ["deepseek_v3", { head_dim: 8 }, "head_dim = 8 is not supported"],
    ["deepseek_v3", { qk_rope_head_dim: 3, qk_head_dim: 11, head_dim: 3 }, "qk_rope_head_dim must be an even number; got 3"],
    ["deepseek_v2", { rope_interleave: true }, 'unknown key "rope_interleave"'],
    ["deepseek_v2", { topk_method: "noaux_tc" }, 'topk_method "noaux_tc" is unknown; DeepSeek-V2 has greedy and group_limited_greedy'],
    ["deepseek_v2", { n_group: null }, '"n_group" is missing'],
    ["deepseek_v2", { scoring_func: "sigmoid" }, 'scoring_func = "sigmoid" is not supported'],
  ])("%s with %j is refused", (family, change, message) => {
    expect(() => parseConfig({ ...fixtureJson<object>(family, "config.json"), ...change })).toThrow(message);
  });

  it("layers are dense up to first_k_dense_replace", () => {
    const kinds = (change: object) => parseConfig({ ...fixtureJson<object>("deepseek_v3", "config.json"), num_hidden_layers: 5, ...change }).layers.map(({ feedForward }) => feedForward.kind[0]).join("");
    expect(kinds({ first_k_dense_replace: 0 })).toBe("mmmmm");
    expect(kinds({ first_k_dense_replace: 2 })).toBe("ddmmm");
    expect(kinds({ first_k_dense_replace: 9 })).toBe("ddddd");
  });

  it("the cache keeps the latent and one key with positions: 20 numbers per token and layer, not 88", async () => {
    const model = await loadModel(fixtureFolder("deepseek_v3"));
    const cache = new KeyValueCache();
    const before = tf.memory().numBytes;
    tf.tidy(() => void model.forward(tf.tensor2d([[5, 6, 7, 8, 9]], undefined, "int32"), { cache }));
    tf.tidy(() => void model.forward(tf.tensor2d([[10]], undefined, "int32"), { cache }));
    // Three layers, each with room for 64 tokens.
    expect((tf.memory().numBytes - before) / 4).toBe(3 * 64 * (16 + 4));
    cache.dispose();
    expect(tf.memory().numBytes).toBe(before);
    disposeParameters(model);
  });
});

import { describe, expect, it } from "vitest";
import { configText } from "./config-text.js";

describe("configText", () => {
  it("writes floats of transformers as floats, also nested and last, and nothing else", () => {
    const config = { router_jitter_noise: 0, num_experts: 2, text_config: { clip_qkv: 8, hidden_size: 4, attn_scale: 0.5, rms_norm_eps: 1e-5, routed_scaling_factor: 2 }, attention_dropout: -1 };
    const text = configText({ ...config, note: '"clip_qkv": 1', eos_token_id: [1, 2] });
    expect(text.split("\n").map((line) => line.trim())).toEqual([
      "{", '"router_jitter_noise": 0.0,', '"num_experts": 2,', '"text_config": {', '"clip_qkv": 8.0,', '"hidden_size": 4,', '"attn_scale": 0.5,', '"rms_norm_eps": 0.00001,', '"routed_scaling_factor": 2.0', "},",
      '"attention_dropout": -1.0,', '"note": "\\"clip_qkv\\": 1",', '"eos_token_id": [', "1,", "2", "]", "}", "",
    ]);
    expect(JSON.parse(text)).toMatchObject(config);
  });
});

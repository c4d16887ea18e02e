import { describe, expect, it } from "vitest";
import { parseConfig } from "../config/parse-config.js";
import type { RopeConfig } from "../config/rope-config.js";
import { ropeFrequencies } from "./rope-frequencies.js";
import { rotaryTables } from "./rotary-tables.js";

/** The rope parameters of a config whose other keys do not matter here. */
function rope(parameters: object, maxPositions = 4096): RopeConfig {
  const sizes = { vocab_size: 8, hidden_size: 64, num_hidden_layers: 1, num_attention_heads: 1, num_key_value_heads: 1, intermediate_size: 4, num_local_experts: 2, num_experts_per_tok: 1 };
  return parseConfig({ model_type: "mixtral", ...sizes, max_position_embeddings: maxPositions, rope_parameters: parameters }).layers[0]!.attention.rotary!.rope;
}

const at = (config: RopeConfig, pairs: number[], dim = 64) => pairs.map((pair) => ropeFrequencies(config, dim).inverse[pair]!);
const close = (got: number[], want: number[]) => got.forEach((value, i) => expect(value).toBeCloseTo(want[i]!, 6));

describe("ropeFrequencies", () => {
  it("theta 10000 over 4 dimensions turns by 1 and 1/100 per position", () => {
    close(at({ kind: "default", theta: 10000 }, [0, 1], 4), [1, 0.01]);
  });

  it("an odd number of dimensions has its own frequencies, and one pair more", () => {
    close([...ropeFrequencies({ kind: "default", theta: 1000 }, 3).inverse], [1, 0.01]);
  });

  it("linear scaling divides all of them", () => {
    close(at(rope({ rope_type: "linear", rope_theta: 10000, factor: 4 }), [0, 16]), [0.25, 0.0025]);
  });

  it("yarn has the values of gpt-oss (not truncated) and their attention factor", () => {
    const config = rope({ rope_type: "yarn", rope_theta: 150000, factor: 32, truncate: false, original_max_position_embeddings: 4096 });
    close(at(config, [0, 8, 12, 16]), [1, 0.050813, 0.006795, 0.000456]);
    expect(ropeFrequencies(config, 64).scale).toBeCloseTo(1.346574, 6);
  });

  it("yarn has the values of DeepSeek (truncated to dimensions 10 and 23)", () => {
    const config = rope({ type: "yarn", rope_theta: 10000, factor: 40, original_max_position_embeddings: 4096, mscale: 1, mscale_all_dim: 1 });
    close(at(config, [0, 10, 15, 20]), [1, 0.056234, 0.008335, 0.000791]);
    expect(ropeFrequencies(config, 64).scale).toBe(1);
  });

  it("llama3 keeps short wavelengths, divides long ones and ramps between", () => {
    // theta 10000, 8 dimensions: frequencies 1, .1, .01, .001; 4096 positions make 651.9, 65.19, 6.519 and .6519 turns.
    const config = rope({ rope_type: "llama3", rope_theta: 10000, factor: 8, low_freq_factor: 1, high_freq_factor: 16, original_max_position_embeddings: 4096 });
    const smooth = (6.518986 - 1) / 15;
    close(at(config, [0, 1, 2, 3], 8), [1, 0.1, (1 - smooth) * 0.00125 + smooth * 0.01, 0.000125]);
  });

  it("HunYuan's alpha makes theta larger, up to the longest sequence the model was made for", () => {
    // 4 dimensions: theta grows by the square of alpha, and beyond 8 positions by the square of 3 * 12 / 8 - 2 = 2.5.
    const config: RopeConfig = { kind: "dynamic", theta: 100, factor: 3, maxPositions: 8, alpha: 4 };
    expect(ropeFrequencies(config, 4, 8).inverse[1]).toBeCloseTo(1 / 40, 7);
    expect(ropeFrequencies(config, 4, 12).inverse[1]).toBeCloseTo(1 / 25, 7);
  });

  it("without original positions the maximum is taken, and the factor of yarn follows from the ratio", () => {
    expect(rope({ rope_type: "yarn", original_max_position_embeddings: 1024 }, 4096)).toMatchObject({ factor: 4, originalPositions: 1024 });
    expect(rope({ rope_type: "yarn", factor: 2 }, 2048)).toMatchObject({ originalPositions: 2048 });
  });
});

describe("rotaryTables", () => {
  it("positions go on where a cache ends", async () => {
    const config: RopeConfig = { kind: "default", theta: 100 };
    const whole = rotaryTables({ rope: config, dim: 4 }, 0, 5);
    const tail = rotaryTables({ rope: config, dim: 4 }, 3, 2);
    expect([...(await tail.cos.data())]).toEqual([...(await whole.cos.data())].slice(6));
    expect((await whole.sin.data())[4]).toBeCloseTo(Math.sin(2), 6);
  });
});

import type { ConfigReader } from "../config/config-reader.js";
import type { AttentionConfig, LinearAttentionConfig } from "../config/attention-config.js";
import type { LayerConfig, ResidualConfig } from "../config/model-config.js";
import type { Family, Placings } from "./family.js";
import { MIXTRAL_LAYER } from "./mixtral.js";
import { modules } from "./names.js";
import { layersOf, readAttention, readDecoder, readExperts, type FamilyDefaults } from "./shared.js";

const DEFAULTS: FamilyDefaults = { normEps: 1e-5, ropeTheta: 1e6, auxLossCoefficient: 0.001 };

/** MiniMax-Text-01: most layers have linear attention, the others softmax attention; norms become the residual stream. */
export const minimax: Family = {
  modelType: "minimax",
  architecture: "MiniMaxForCausalLM",
  config(read) {
    readAuthorsKeys(read);
    const inputJitter = read.nonNegative("router_jitter_noise", 0);
    const window = read.has("sliding_window") ? read.size("sliding_window") : undefined;
    const full = readAttention(read, DEFAULTS, { bias: false, window });
    const linear = readLinear(read, full);
    const isLinear = readLayerTypes(read);
    const width = read.size("intermediate_size");
    const feedForward = { kind: "moe", ...readExperts(read), width, router: { name: "topK", renormalise: true }, inputJitter } as const;
    const residual = readResiduals(read);
    const layer = (attention: AttentionConfig, attended: ResidualConfig): LayerConfig => ({ attention, feedForward, residual: { attention: attended, feedForward: residual.mlp } });
    return { ...readDecoder(read, DEFAULTS), layers: layersOf(read, (index) => (isLinear(index) ? layer(linear(index), residual.linear_attn) : layer(full, residual.full_attn))) };
  },
  layer: ({ attention }) => (attention.kind === "linear" ? LINEAR_LAYER : MIXTRAL_LAYER),
};

/** Keys of the published MiniMax-Text-01, which transformers reads past: it turns all dimensions of a head, whatever `rotary_dim` says. */
function readAuthorsKeys(read: ConfigReader): void {
  read.size("rotary_dim", 1);
  read.only("postnorm", true, "norms become the residual stream in this family.");
  read.only("shared_intermediate_size", 0, "this family has no shared experts.");
  read.ignore("shared_moe_mode");
}

const LINEAR_LAYER: Placings = {
  ...MIXTRAL_LAYER,
  ...modules({ "attention.queryKeyValue": "self_attn.qkv_proj", "attention.gate": "self_attn.output_gate", "attention.norm": "self_attn.norm", "attention.output": "self_attn.out_proj" }),
  "attention.decay.slopeRate": "self_attn.slope_rate",
  "attention.decay.queryDecay": "self_attn.query_decay",
  "attention.decay.keyDecay": "self_attn.key_decay",
  "attention.decay.diagonalDecay": "self_attn.diagonal_decay",
};

/** Head h of layer l forgets at the rate `2^(-8 (h + 1) / H) (1 - l / (layers - 1 + 1e-5) + 1e-5)`. */
function readLinear(read: ConfigReader, { numHeads, headDim }: { numHeads: number; headDim: number }): (layer: number) => LinearAttentionConfig {
  const [blockSize, layers] = [read.size("block_size", 256), read.size("num_hidden_layers")];
  return (layer) => {
    const slope = (_: unknown, head: number) => 2 ** ((-8 * (head + 1)) / numHeads) * (1 - layer / (layers - 1 + 1e-5) + 1e-5);
    return { kind: "linear", numHeads, headDim, blockSize, slopes: Array.from({ length: numHeads }, slope) };
  };
}

/** Where `layer_types` is left out, every other layer is linear, from the second on. */
function readLayerTypes(read: ConfigReader): (layer: number) => boolean {
  const types = read.words("layer_types", read.size("num_hidden_layers"), ["full_attention", "linear_attention"]);
  return (layer) => (types ? types[layer] === "linear_attention" : layer % 2 === 1);
}

function readResiduals(read: ConfigReader): Record<"full_attn" | "linear_attn" | "mlp", ResidualConfig> {
  const factors = (block: string): ResidualConfig => ({ norm: "stream", keep: read.nonNegative(`${block}_alpha_factor`, 1), add: read.nonNegative(`${block}_beta_factor`, 1) });
  return { full_attn: factors("full_attn"), linear_attn: factors("linear_attn"), mlp: factors("mlp") };
}

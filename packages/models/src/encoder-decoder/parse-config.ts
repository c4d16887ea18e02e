import { UnknownNameError } from "@moekit/core";
import { ConfigReader } from "../config/config-reader.js";
import { ignoreGeneralKeys, readDropout } from "../config/general-keys.js";
import { readQuantization } from "../config/read-quantization.js";
import type { HuggingFaceConfig } from "../config/model-config.js";
import type { EncoderDecoderConfig, EncoderDecoderFeedForward, StackLayerKind } from "./config.js";

/**
 * The `model_type` values that {@link loadEncoderDecoder} takes.
 * @example encoderDecoderFamilies().includes("switch_transformers"); // true
 */
export function encoderDecoderFamilies(): string[] {
  return ["switch_transformers"];
}

/**
 * True for the content of a `config.json` that {@link loadEncoderDecoder} takes, and not {@link loadModel}.
 * @example const isPair = isEncoderDecoder({ model_type: "switch_transformers" }); // true
 */
export function isEncoderDecoder(source: HuggingFaceConfig): boolean {
  return encoderDecoderFamilies().includes(String(source.model_type));
}

/**
 * Reads the content of the `config.json` of an encoder-decoder, as strictly as {@link parseConfig}.
 *
 * @throws UnknownNameError for a `model_type` that is not among {@link encoderDecoderFamilies}.
 * @throws ConfigError naming the key that is missing, unknown, of the wrong type or contradicted by another.
 * @example
 * const config = parseEncoderDecoderConfig({
 *   model_type: "switch_transformers", vocab_size: 256, d_model: 64, d_kv: 16, d_ff: 128, num_layers: 4, num_heads: 4,
 *   num_sparse_encoder_layers: 2, num_sparse_decoder_layers: 2, num_experts: 8, expert_capacity: 64, decoder_start_token_id: 0,
 * });
 */
export function parseEncoderDecoderConfig(source: HuggingFaceConfig): EncoderDecoderConfig {
  if (!isEncoderDecoder(source)) throw new UnknownNameError({ in: "parseEncoderDecoderConfig: model_type", name: String(source.model_type), known: encoderDecoderFamilies() });
  const read = new ConfigReader(source);
  const family = read.text("model_type");
  const config = readSwitch(read);
  // Whoever opens the files needs it; here it is only checked.
  readQuantization(read);
  read.finish();
  return { ...config, family, source };
}

function readSwitch(read: ConfigReader): Omit<EncoderDecoderConfig, "family" | "source"> {
  ignoreHarmless(read);
  const layers = read.size("num_layers", 12);
  return {
    vocabSize: read.size("vocab_size", 32128),
    hiddenSize: read.size("d_model", 768),
    numHeads: read.size("num_heads", 12),
    headDim: read.size("d_kv", 64),
    norm: { kind: "rms", eps: read.positive("layer_norm_epsilon", 1e-6) },
    positions: readPositions(read),
    feedForward: readFeedForward(read),
    encoder: readLayers(read, "encoder", layers),
    decoder: readLayers(read, "decoder", read.size("num_decoder_layers", layers)),
    tieEmbeddings: read.flag("tie_word_embeddings", true),
    auxLossCoefficient: read.nonNegative("router_aux_loss_coef", 0.001),
    zLossCoefficient: read.nonNegative("router_z_loss_coef", 0.001),
    startTokenId: read.has("decoder_start_token_id") ? read.count("decoder_start_token_id") : undefined,
    endTokenIds: read.has("eos_token_id") ? read.idOrIds("eos_token_id") : [1],
  };
}

function readPositions(read: ConfigReader): { numBuckets: number; maxDistance: number } {
  const [numBuckets, maxDistance] = [read.size("relative_attention_num_buckets", 32), read.size("relative_attention_max_distance", 128)];
  if (numBuckets < 4) read.fail(`relative_attention_num_buckets must be at least 4; got ${numBuckets}.`);
  if (maxDistance <= Math.floor(numBuckets / 2)) read.fail(`relative_attention_max_distance must be above half of relative_attention_num_buckets ${numBuckets}; got ${maxDistance}.`);
  return { numBuckets, maxDistance };
}

const ACTIVATIONS = ["relu", "gelu", "silu"] as const;
const DTYPES = ["float32", "bfloat16", "float16"] as const;

function readFeedForward(read: ConfigReader): EncoderDecoderFeedForward {
  const activation = oneOf(read, "dense_act_fn", ACTIVATIONS, read.text("feed_forward_proj", "relu"));
  read.only("feed_forward_proj", activation, `it must be what dense_act_fn is: ${activation}.`);
  return {
    width: read.size("d_ff", 2048),
    activation,
    numExperts: read.size("num_experts", 8),
    capacity: read.size("expert_capacity", 64),
    routerBias: read.flag("router_bias", false),
    routerDtype: oneOf(read, "router_dtype", DTYPES, "float32"),
    inputJitter: read.nonNegative("router_jitter_noise", 0.01),
  };
}

function oneOf<T extends string>(read: ConfigReader, key: string, allowed: readonly T[], fallback: string): T {
  const value = read.text(key, fallback) as T;
  return allowed.includes(value) ? value : read.fail(`${key} must be one of ${allowed.join(", ")}; got "${value}".`);
}

/** Layer i has experts where `i % step` is 1, or the step is 1; the step is given, or the layers over the sparse ones. */
function readLayers(read: ConfigReader, stack: "encoder" | "decoder", count: number): StackLayerKind[] {
  const sparse = read.count(`num_sparse_${stack}_layers`, 3);
  const step = read.count(`${stack}_sparse_step`, sparse > 0 ? Math.floor(count / sparse) : count);
  return Array.from({ length: count }, (_, layer) => (step === 1 || (step > 0 && layer % step === 1) ? "moe" : "dense"));
}

function ignoreHarmless(read: ConfigReader): void {
  ignoreGeneralKeys(read);
  read.ignore("architectures", "use_cache", "output_past", "n_positions", "bos_token_id", "pad_token_id", "initializer_factor", "output_router_logits");
  readDropout(read, "dropout_rate", "moe_token_dropout");
  // transformers reads none of these in this family.
  read.ignore("second_expert_policy", "router_type");
  for (const key of ["add_router_probs", "router_ignore_padding_tokens", "add_cross_attention"]) read.flag(key, false);
  read.only("is_encoder_decoder", true, "this is an encoder-decoder.");
  read.only("is_decoder", false, "this is an encoder-decoder.");
  read.only("is_gated_act", false, "this family has no gated feed-forward blocks.");
  read.only("num_selected_experts", 1, "this family chooses one expert.");
  read.only("batch_prioritized_routing", false, "experts take tokens in the order of the sequence.");
  read.only("normalize_router_prob_before_dropping", false, "probabilities are not normalised.");
}

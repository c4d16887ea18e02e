import { ConfigError, UnknownNameError } from "@moekit/core";
import { routerByName } from "@moekit/routing";
import { isEncoderDecoder } from "../encoder-decoder/parse-config.js";
import { findFamily, modelFamilies } from "../families/index.js";
import { ConfigReader } from "./config-reader.js";
import { readQuantization } from "./read-quantization.js";
import type { RouterConfig } from "./feed-forward-config.js";
import type { HuggingFaceConfig, LayerConfig, ModelConfig } from "./model-config.js";

/** Marks a model whose router its family does not have; see {@link withRouter}. */
const OWN_PREFIX = "moekit_";
const OWN_KEY = "moekit_router";

/**
 * Reads the content of a Hugging Face `config.json`. Strict: every key is either used, or known to change nothing in what
 * the model computes; any other is an error that names it. Keys that a file leaves out get the default of transformers, with
 * three exceptions: sizes must be there, there are as many heads of keys as of queries, and no token is special.
 *
 * @throws UnknownNameError for a `model_type` that is not among {@link modelFamilies}.
 * @throws ConfigError naming the key that is missing, unknown, of the wrong type or contradicted by another.
 * @example
 * const config = parseConfig({
 *   model_type: "olmoe", vocab_size: 256, hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4,
 *   intermediate_size: 32, num_experts: 8, num_experts_per_tok: 2, max_position_embeddings: 128,
 * });
 */
export function parseConfig(source: HuggingFaceConfig): ModelConfig {
  const read = new ConfigReader(source);
  const modelType = read.text("model_type");
  const own = modelType.startsWith(OWN_PREFIX);
  const family = findFamily(own ? modelType.slice(OWN_PREFIX.length) : modelType);
  if (isEncoderDecoder(source)) throw new ConfigError(`parseConfig: a ${modelType} is an encoder-decoder, not a decoder. Use loadEncoderDecoder, or parseEncoderDecoderConfig.`);
  if (!family) throw new UnknownNameError({ in: "parseConfig: model_type", name: modelType, known: modelFamilies() });
  const parsed = family.config(read);
  const router = own ? readRouter(read) : undefined;
  // Whoever opens the files needs it; here it is only checked.
  readQuantization(read);
  read.finish();
  return { ...parsed, family: family.modelType, layers: parsed.layers.map((layer) => replaceRouter(layer, router)), source };
}

/**
 * The same model with another router in all MoE layers, e.g. the loss-free sigmoid router in an OLMoE.
 *
 * No Hugging Face class computes such a model, so its `model_type` gets the prefix `moekit_`: transformers refuses to load
 * it instead of computing something else. Only moekit reads it.
 *
 * @param router - The name of a method of `@moekit/routing` and its settings.
 * @throws UnknownNameError for a router that does not exist.
 * @example const config = withRouter(olmoeConfig, { name: "sigmoid", routedScalingFactor: 2.5 });
 */
export function withRouter(config: ModelConfig, router: RouterConfig): ModelConfig {
  const source = { ...config.source, model_type: `${OWN_PREFIX}${config.family}`, architectures: ["MoekitForCausalLM"], [OWN_KEY]: router };
  return parseConfig(source);
}

function readRouter(read: ConfigReader): RouterConfig {
  const router = read.plain(OWN_KEY);
  if (typeof router.name !== "string") return read.fail(`"${OWN_KEY}" must have the name of a router.`);
  routerByName(router.name);
  return router as RouterConfig;
}

function replaceRouter(layer: LayerConfig, router: RouterConfig | undefined): LayerConfig {
  if (!router || layer.feedForward.kind === "dense") return layer;
  return { ...layer, feedForward: { ...layer.feedForward, router } };
}

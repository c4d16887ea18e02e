import { trainingInit } from "./blocks/model-init.js";
import type { RouterConfig } from "./config/feed-forward-config.js";
import type { ModelConfig } from "./config/model-config.js";
import { withRouter } from "./config/parse-config.js";
import { MoeTransformer } from "./moe-transformer.js";

/**
 * Makes a model to train. Weights are truncated normal with std 0.02, cut at 3 std (more in models of width 128 and less:
 * `min(0.02 sqrt(768 / D), 1 / sqrt(D))`); what writes to the residual stream starts `1 / sqrt(2 layers)` times smaller;
 * embedding and head keep 0.02, so that the first loss is ln V; norms are 1, biases 0.
 *
 * @param router - Another router than the family's, see {@link withRouter}.
 * @throws UnknownNameError or ConfigError if the router does not exist or an option is wrong.
 * @source OLMoE, Muennighoff et al. 2024, arXiv:2409.02060 (std and cut); GPT-2 (residual scale).
 * @example const model = createModel(parseConfig(json), { seed: 1 });
 */
export function createModel(config: ModelConfig, { seed, router }: { seed: number; router?: RouterConfig }): MoeTransformer {
  const own = router ? withRouter(config, router) : config;
  return new MoeTransformer(own, trainingInit(own, seed));
}

import type { ConfigReader } from "../config/config-reader.js";
import type { MoeConfig } from "../config/feed-forward-config.js";
import { ignoreTrainingKeys } from "./deepseek-v3.js";
import type { Family } from "./family.js";
import { readDeepSeekLayers, SHARED_EXPERTS } from "./glm4-moe.js";
import { latentNames, readLatentAttention } from "./latent.js";
import { DENSE, EXPERTS, NORMS, ROUTER } from "./names.js";
import { checkEqualShares, layersOf, readDecoder } from "./shared.js";

/** DeepSeek-V2 and V2-Lite: latent attention, softmax scores limited to groups, shared experts, the first layers dense. */
export const deepSeekV2: Family = {
  modelType: "deepseek_v2",
  architecture: "DeepseekV2ForCausalLM",
  config(read) {
    checkEqualShares(read);
    const attention = readLatentAttention(read, "interleaved");
    const feedForward = readDeepSeekLayers(read, readGroupLimited(read), { shared: 2, firstDense: 0, bias: read.flag("mlp_bias", false) });
    read.only("scoring_func", "softmax", "DeepSeek-V2 scores by a softmax.");
    ignoreTrainingKeys(read);
    return { ...readDecoder(read, { normEps: 1e-6, ropeTheta: 10000 }), layers: layersOf(read, (layer) => ({ attention, feedForward: feedForward(layer) })) };
  },
  layer: (layer) => ({ ...NORMS, ...latentNames(layer), ...DENSE, ...EXPERTS, ...ROUTER, ...SHARED_EXPERTS }),
};

function readGroupLimited(read: ConfigReader): MoeConfig["router"] {
  const method = read.text("topk_method", "greedy");
  const router = { name: "groupLimited", routedScalingFactor: read.positive("routed_scaling_factor", 1) };
  // transformers never renormalises here, whatever the key says. For what the authors do: withRouter, `renormalise: true`.
  read.flag("norm_topk_prob", false);
  if (method === "group_limited_greedy") return { ...router, numGroups: read.size("n_group"), topKGroups: read.size("topk_group") };
  if (method !== "greedy") read.fail(`topk_method "${method}" is unknown; DeepSeek-V2 has greedy and group_limited_greedy.`);
  read.ignore("n_group", "topk_group");
  return { ...router, numGroups: 1, topKGroups: 1 };
}

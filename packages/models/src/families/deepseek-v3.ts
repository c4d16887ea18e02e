import type { ConfigReader } from "../config/config-reader.js";
import type { Family } from "./family.js";
import { BIASED_ROUTER, isBeyondLastLayer, readBiasedSigmoid, readDeepSeekLayers, SHARED_EXPERTS } from "./glm4-moe.js";
import { latentNames, readLatentAttention } from "./latent.js";
import { DENSE, EXPERTS, NORMS } from "./names.js";
import { layersOf, readDecoder } from "./shared.js";

/** DeepSeek-V3 and R1: latent attention, sigmoid scores with a selection bias and groups, a shared expert, the first layers dense. */
export const deepSeekV3: Family = {
  modelType: "deepseek_v3",
  architecture: "DeepseekV3ForCausalLM",
  config(read) {
    const attention = readLatentAttention(read, read.flag("rope_interleave", true) ? "interleaved" : "half");
    const router = readBiasedSigmoid(read, { groups: 8, topKGroups: 4, scale: 2.5 });
    const feedForward = readDeepSeekLayers(read, router, { firstDense: 3 });
    read.only("topk_method", "noaux_tc", "DeepSeek-V3 chooses by biased scores.");
    read.only("scoring_func", "sigmoid", "DeepSeek-V3 scores by a sigmoid.");
    ignoreTrainingKeys(read);
    read.ignore("num_nextn_predict_layers", "num_mtp_layers");
    return { ...readDecoder(read, { normEps: 1e-6, ropeTheta: 10000 }), layers: layersOf(read, (layer) => ({ attention, feedForward: feedForward(layer) })) };
  },
  layer: (layer) => ({ ...NORMS, ...latentNames(layer), ...DENSE, ...EXPERTS, ...BIASED_ROUTER, ...SHARED_EXPERTS }),
  unused: isBeyondLastLayer,
};

/** Of the authors' own code: where experts lie, and a loss that transformers does not have. */
export function ignoreTrainingKeys(read: ConfigReader): void {
  read.ignore("ep_size", "aux_loss_alpha", "seq_aux");
}

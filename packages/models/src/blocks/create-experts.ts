import { ConfigError, StackedExperts, type ExpertBank } from "@moekit/core";
import type { MoeConfig } from "../config/feed-forward-config.js";
import { ClampedExperts } from "./clamped-experts.js";
import type { ModelInit } from "./model-init.js";
import { PackedClampedExperts } from "./packed-clamped-experts.js";
import { PackedExperts } from "./packed-experts.js";

/** The experts that the config asks for. */
export function createExperts(config: MoeConfig, hiddenSize: number, stream: string, init: ModelInit): ExpertBank {
  const { numExperts, width, bias, experts = "swiglu" } = config;
  if (init.packed && experts === "swiglu" && !bias) return new PackedExperts(config, hiddenSize, init);
  if (init.packed && experts === "clampedSwiglu") return new PackedClampedExperts(config, hiddenSize, init);
  if (init.staysInFile) throw new ConfigError("loadModel: experts with biases that are not clamped cannot stay in their file. Leave expertCacheBytes out.");
  if (experts === "clampedSwiglu") return new ClampedExperts(config, hiddenSize, stream, init);
  return new StackedExperts({ numExperts, dim: hiddenSize, hidden: width, bias, seed: init.seed, stream, std: init.std, downStd: init.residualStd });
}

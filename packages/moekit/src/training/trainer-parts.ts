/** The parts of a trainer that a config names. */
import { ConfigError, type BalancingTerm, type LoadController } from "@moekit/core";
import { lossByName, LossFreeBias, type LossFreeBiasOptions } from "@moekit/balancing";
import { createModel, parseConfig, type MoeTransformer, type RouterConfig } from "@moekit/models";
import { adamw, constant, cosine, muon, wsd, type Optimizer, type Schedule } from "@moekit/train";
import { modelSource } from "./check-config.js";
import { completed } from "./model-source.js";
import type { TrainingConfig } from "./training-config.js";
import type { TrainingData } from "./training-data.js";

/** A new model for the vocabulary of the data. @throws ConfigError if the config's vocabulary is smaller than the tokenizer's. */
export function newModel({ model, router, training, seed }: TrainingConfig, { tokenizer, endOfText }: Pick<TrainingData, "tokenizer" | "endOfText">): MoeTransformer {
  const { source } = modelSource(model);
  const config = parseConfig(completed(source!, { vocabSize: tokenizer.vocabSize, endOfText, sequenceLength: training.sequenceLength }));
  if (config.vocabSize < tokenizer.vocabSize) throw new ConfigError(`model.vocab_size must be at least the ${tokenizer.vocabSize} tokens of the tokenizer; got ${config.vocabSize}.`);
  return createModel(config, { seed, router: router as RouterConfig | undefined });
}

/** The optimiser that a config names. */
export function newOptimizer({ optimizer }: TrainingConfig["training"]): Optimizer {
  return optimizer.name === "adamw" ? adamw(optimizer) : muon(optimizer);
}

/** The schedule that a config names, for a run of so many steps. */
export function newSchedule({ schedule }: TrainingConfig["training"], steps: number): Schedule {
  const { peak, warmupRatio } = schedule;
  const warmup = Math.min(Math.ceil(warmupRatio * steps), steps - 1);
  if (schedule.name === "constant") return constant({ peak, warmup });
  if (schedule.name === "cosine") return cosine({ peak, warmup, steps, floor: schedule.floor });
  return wsd({ peak, warmup, steps, floor: schedule.floor, decay: schedule.decay, decayRatio: Math.min(schedule.decayRatio, 1 - warmup / steps) });
}

/** The balancing losses that a config names. */
export function balancingTerms({ balancing }: TrainingConfig["training"]): BalancingTerm[] {
  return balancing.map(({ name, ...settings }) => lossByName(name).create(settings));
}

/** The loss-free controller, where the config asks for one. */
export function loadControllers({ lossFreeBias }: TrainingConfig["training"], model: MoeTransformer): LoadController[] {
  if (!lossFreeBias) return [];
  const layers = model.layers.flatMap(({ moe }, layer) => {
    if (!moe) return [];
    if (!("expertBias" in moe.router)) throw new ConfigError(`training.lossFreeBias: the router of layer ${layer} has no selection bias.`);
    return [{ layer, expertBias: moe.router.expertBias } as LossFreeBiasOptions["layers"][number]];
  });
  return [new LossFreeBias({ layers, ...lossFreeBias })];
}

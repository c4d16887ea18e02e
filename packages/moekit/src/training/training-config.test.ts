import { isMoekitError } from "@moekit/core";
import { describe, expect, it } from "vitest";
import { parseTrainingConfig, type TrainingInput } from "./training-config.js";

const valid: TrainingInput = {
  name: "sea",
  model: { layers: 2, hiddenSize: 32, heads: 2, experts: 4, topK: 2, expertWidth: 16 },
  data: { domains: { sea: { path: "sea.txt" } }, tokenizer: { vocabSize: 300 } },
  training: { steps: 10, batchSize: 2, sequenceLength: 16, optimizer: { name: "adamw" }, schedule: { name: "cosine", peak: 1e-3 } },
};

it("x", () => {
  try {
  console.log(JSON.stringify(parseTrainingConfig(valid), null, 1));
  parseTrainingConfig({ ...valid, nme: 1, training: { ...valid.training, batchSize: 0, schedule: { name: "x" }, steps: "a", optimizer: { name: "adamw", beta1: 1, foo: 2 } } , data: {domains: {}, tokenizer: {}}});
  } catch (e) { console.log((e as Error).message); }
});

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TrainingInput } from "../training/training-config.js";

const sea = Array.from({ length: 120 }, (_, i) => `The sea rose ${i} times, and the whale sang ${i * 7} songs to it.`).join("\n");
const code = Array.from({ length: 120 }, (_, i) => `const wave${i} = sing(whale, ${i * 3}); // ${i}`).join("\n");

/** Writes a small corpus and a config for it into a folder. @returns The path of the config. */
export async function tinyConfig(folder: string, training: Partial<TrainingInput["training"]> = {}, rest: Partial<TrainingInput> = {}): Promise<string> {
  await mkdir(join(folder, "code"), { recursive: true });
  await writeFile(join(folder, "sea.txt"), sea);
  await writeFile(join(folder, "code", "a.ts"), code);
  await writeFile(join(folder, "code", "ignored.md"), "# not code");
  const config: TrainingInput = {
    name: "tiny",
    seed: 3,
    backend: "cpu",
    model: { layers: 2, hiddenSize: 16, heads: 2, experts: 4, topK: 2, expertWidth: 8 },
    data: { domains: { sea: { path: "sea.txt" }, code: { path: "code", extensions: [".ts"] } }, tokenizer: { vocabSize: 300 } },
    training: { steps: 6, batchSize: 4, sequenceLength: 16, optimizer: { name: "adamw" }, schedule: { name: "cosine", peak: 5e-3 }, balancing: [{ name: "switchLoss", coefficient: [0.01, 0.02] }], evaluationWindows: 4, checkpointEvery: 2, ...training },
    report: { baselines: [2], sampleTokens: 8 },
    ...rest,
  };
  const file = join(folder, "tiny.json");
  await writeFile(file, JSON.stringify(config));
  return file;
}

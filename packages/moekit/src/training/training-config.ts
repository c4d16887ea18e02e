import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { z } from "zod";
import { ConfigError } from "@moekit/core";
import { problemsOf, zodProblems, type Problem } from "./check-config.js";
import { trainingSchema } from "./schema.js";

/**
 * A training run as it is written in a config file: `name`, `model`, `data`, `training` are needed, all else has a default.
 * @example const input: TrainingInput = JSON.parse(await readFile("train.json", "utf8"));
 */
export type TrainingInput = z.input<typeof trainingSchema>;

/**
 * A checked training run with its defaults filled in and all paths absolute; made by {@link parseTrainingConfig}.
 * @example const { training, data }: TrainingConfig = await readTrainingConfig("train.json");
 */
export type TrainingConfig = z.output<typeof trainingSchema>;

/**
 * Checks the content of a training config. Strict: unknown keys are errors, and all problems are reported at once, each with
 * the path of its field.
 *
 * @param base - The folder that relative paths start from. @defaultValue the current folder
 * @throws ConfigError with one line for each problem, e.g. `training.batchSize: Too small: expected number to be >=1; got 0`.
 * @example
 * const config = parseTrainingConfig({
 *   name: "sea",
 *   model: { layers: 2, hiddenSize: 64, heads: 4, experts: 8, topK: 2, expertWidth: 64 },
 *   data: { domains: { sea: { path: "sea.txt" } }, tokenizer: { vocabSize: 512 } },
 *   training: { steps: 100, batchSize: 8, sequenceLength: 64, optimizer: { name: "adamw" }, schedule: { name: "cosine", peak: 2e-3 } },
 * });
 */
export function parseTrainingConfig(input: unknown, { base = ".", source = "config" }: { readonly base?: string; readonly source?: string } = {}): TrainingConfig {
  const parsed = trainingSchema.safeParse(input, { reportInput: true });
  if (!parsed.success) throw configError(source, zodProblems(parsed.error));
  const problems = problemsOf(parsed.data);
  if (problems.length > 0) throw configError(source, problems);
  return withPaths(parsed.data, (path) => resolve(base, path));
}

/**
 * Reads a training config file (JSON). Its paths are relative to the file.
 * @throws ConfigError if the file is missing, not JSON, or wrong as {@link parseTrainingConfig} says.
 * @example const config = await readTrainingConfig("train.json");
 */
export async function readTrainingConfig(file: string): Promise<TrainingConfig> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new ConfigError(`${file}: cannot be read (${error.code}). Give the path of a training config, a JSON file.`);
  });
  return parseTrainingConfig(parseJson(file, text), { base: dirname(file), source: file });
}

/** The same config with all its paths changed. */
export function withPaths(config: TrainingConfig, change: (path: string) => string): TrainingConfig {
  const { domains, tokenizer } = config.data;
  const moved = Object.entries(domains).map(([name, domain]) => [name, { ...domain, path: change(domain.path) }]);
  const file = tokenizer.file === undefined ? {} : { file: change(tokenizer.file) };
  const out = config.out === undefined ? {} : { out: change(config.out) };
  return { ...config, ...out, data: { ...config.data, domains: Object.fromEntries(moved), tokenizer: { ...tokenizer, ...file } } };
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`${file}: is not JSON (${(error as Error).message}).`);
  }
}

function configError(source: string, problems: readonly Problem[]): ConfigError {
  const lines = problems.map(({ path, message }) => `\n  ${dotted(path)}: ${message}`);
  return new ConfigError(`${source}: ${problems.length === 1 ? "1 problem" : `${problems.length} problems`}${lines.join("")}`);
}

/** `["balancing", 0, "name"]` as `balancing[0].name`. */
function dotted(path: Problem["path"]): string {
  return path.reduce<string>((text, part) => (typeof part === "number" ? `${text}[${part}]` : text ? `${text}.${part}` : part), "") || "the config";
}

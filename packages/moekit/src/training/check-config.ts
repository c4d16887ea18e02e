/** What a config must hold beyond the shape of its fields: names of methods, settings that depend on each other. */
import type { z } from "zod";
import { isMoekitError } from "@moekit/core";
import { lossByName } from "@moekit/balancing";
import { parseConfig, withRouter, type HuggingFaceConfig, type ModelConfig, type RouterConfig } from "@moekit/models";
import { routerByName } from "@moekit/routing";
import { completed, modelSizes, toHuggingFace } from "./model-source.js";
import { routersOf } from "./record-routing.js";
import type { trainingSchema } from "./schema.js";

type Fields = z.output<typeof trainingSchema>;
type Path = readonly (string | number)[];

/** A wrong field. */
export interface Problem {
  readonly path: Path;
  readonly message: string;
}

/** Routers with an `expertBias` that the loss-free controller can move. */
const BIASED_ROUTERS = ["sigmoid"];

/** All problems of a config whose fields have the right shape. */
export function problemsOf(config: Fields): Problem[] {
  const { source, problems } = modelSource(config.model);
  const model = source && attempt(["model"], () => modelOf(config, source));
  const all = [...problems, ...(model?.problems ?? []), ...dataProblems(config), ...budgetProblems(config), ...lossProblems(config)];
  return model?.value ? [...all, ...sizeProblems(config, model.value), ...routerProblems(config, model.value)] : all;
}

/** The Hugging Face config that `model` stands for. */
export function modelSource(model: Fields["model"]): { source?: HuggingFaceConfig; problems: Problem[] } {
  if ("model_type" in model) return { source: model, problems: [] };
  const sizes = modelSizes.safeParse(model, { reportInput: true });
  return sizes.success ? { source: toHuggingFace(sizes.data), problems: [] } : { problems: zodProblems(sizes.error, ["model"]) };
}

/** The issues of zod, each with its path and what was given. */
export function zodProblems(error: z.ZodError, under: Path = []): Problem[] {
  return error.issues.flatMap((issue) => {
    const path = [...under, ...issue.path.map((part) => (typeof part === "number" ? part : String(part)))];
    if (issue.code === "unrecognized_keys") return issue.keys.map((key) => ({ path: [...path, key], message: "unknown key" }));
    const message = issue.message.replace(/^Invalid input: /, "").replace(/, received .*$/, "");
    return [{ path, message: issue.input === undefined ? `is missing, ${message}` : `${message}; got ${JSON.stringify(issue.input)}` }];
  });
}

/** The model as far as it is known before the tokenizer is. */
function modelOf({ data, training }: Fields, source: HuggingFaceConfig): ModelConfig {
  return parseConfig(completed(source, { vocabSize: data.tokenizer.vocabSize ?? 257, endOfText: 0, sequenceLength: training.sequenceLength }));
}

function sizeProblems({ data, training }: Fields, model: ModelConfig): Problem[] {
  const problems: Problem[] = [];
  const layers = model.layers.flatMap(routersOf).length;
  const { vocabSize = 0 } = data.tokenizer;
  if (model.vocabSize < vocabSize) problems.push({ path: ["model", "vocab_size"], message: `must be at least the ${vocabSize} tokens of the tokenizer; got ${model.vocabSize}` });
  if (model.maxPositions < training.sequenceLength) problems.push({ path: ["training", "sequenceLength"], message: `must be at most the ${model.maxPositions} positions of the model; got ${training.sequenceLength}` });
  training.balancing.forEach(({ coefficient }, i) => {
    if (Array.isArray(coefficient) && coefficient.length !== layers)
      problems.push({ path: ["training", "balancing", i, "coefficient"], message: `must have one number for each of the ${layers} MoE layers; got ${coefficient.length}` });
  });
  return problems;
}

function routerProblems({ router, training }: Fields, model: ModelConfig): Problem[] {
  const problems = router ? attempt(["router"], () => checkRouter(model, router as RouterConfig)).problems : [];
  if (!training.lossFreeBias || BIASED_ROUTERS.includes(router?.name ?? "")) return problems;
  return [...problems, { path: ["training", "lossFreeBias"], message: `needs a router with a selection bias: set router.name to ${BIASED_ROUTERS.join(" or ")}` }];
}

function checkRouter(model: ModelConfig, { name, ...settings }: RouterConfig): void {
  withRouter(model, { name, ...settings });
  const known = Object.keys(routerByName(name).facts.parameters);
  const unknown = Object.keys(settings).find((setting) => !known.includes(setting));
  if (unknown) throw new TypeError(`${unknown} is not a setting of "${name}"; these are: ${known.join(", ")}`);
}

function dataProblems({ data: { domains, tokenizer } }: Fields): Problem[] {
  const without = Object.keys(domains).filter((name) => domains[name]!.weight === undefined);
  const all = Object.keys(domains).length;
  const problems: Problem[] = without.length === all ? [] : without.map((name) => ({ path: ["data", "domains", name, "weight"], message: "is missing while other domains have one: give all or none" }));
  if ((tokenizer.vocabSize === undefined) === (tokenizer.file === undefined)) problems.push({ path: ["data", "tokenizer"], message: "must have either vocabSize or file" });
  return problems;
}

function budgetProblems({ training: { steps, minutes } }: Fields): Problem[] {
  return (steps === undefined) === (minutes === undefined) ? [{ path: ["training"], message: "must have either steps or minutes" }] : [];
}

function lossProblems({ training }: Fields): Problem[] {
  return training.balancing.flatMap(({ name, ...settings }, i) => attempt(["training", "balancing", i], () => lossByName(name).create(settings)).problems);
}

/** The result of an action, or its error as a problem at a path. */
function attempt<T>(path: Path, action: () => T): { value?: T; problems: Problem[] } {
  try {
    return { value: action(), problems: [] };
  } catch (error) {
    if (!isMoekitError(error) && !(error instanceof TypeError)) throw error;
    return { problems: [{ path, message: (error as Error).message }] };
  }
}

import { loadConfig, modelSize, type LayerSize, type ModelSize } from "@moekit/models";
import { grouped, short } from "../terminal/number-text.js";
import { table } from "../terminal/table.js";

/**
 * A checkpoint in numbers, from its `config.json` alone.
 * @example const { family, activeParameters }: ModelDescription = await describeModel("runs/sea");
 */
export interface ModelDescription extends ModelSize {
  readonly family: string;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly maxPositions: number;
}

/**
 * Counts parameters, active parameters and operations per token of a checkpoint.
 * @throws CheckpointError if the folder has no `config.json`, ConfigError if it cannot be understood.
 * @example console.log((await describeModel("runs/sea")).parameters);
 */
export async function describeModel(folder: string): Promise<ModelDescription> {
  const config = await loadConfig(folder);
  const { family, vocabSize, hiddenSize, maxPositions } = config;
  return { family, vocabSize, hiddenSize, maxPositions, ...modelSize(config) };
}

/** The same for people. */
export function modelText(model: ModelDescription): string {
  const { family, vocabSize, hiddenSize, maxPositions, parameters, activeParameters, forwardFlopsPerToken, trainingFlopsPerToken } = model;
  const head = [
    `${family}: ${model.layers.length} layers, width ${hiddenSize}, vocabulary ${grouped(vocabSize)}, ${grouped(maxPositions)} positions`,
    `parameters         ${short(parameters)} (${grouped(parameters)})`,
    `active per token   ${short(activeParameters)} (${((100 * activeParameters) / parameters).toFixed(1)} %)`,
    `forward            ${short(forwardFlopsPerToken)} operations per token at full length`,
    `training           ${short(trainingFlopsPerToken)} operations per token`,
  ];
  return `${head.join("\n")}\n\n${table(["layer", "kind", "experts", "per token", "width", "per expert", "parameters", "active"], model.layers.map(layerRow))}`;
}

/** The columns of a layer in the table of layers. */
export function layerRow({ kind, numExperts, topK, width, parametersPerExpert, parameters, activeParameters }: LayerSize, index: number): string[] {
  const experts = kind === "moe" ? [String(numExperts), String(topK)] : ["-", "-"];
  return [String(index), kind, ...experts, String(width), grouped(parametersPerExpert), grouped(parameters), grouped(activeParameters)];
}

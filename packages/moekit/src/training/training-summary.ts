import { relative } from "node:path";
import { table } from "../terminal/table.js";
import type { TrainingRunResult } from "./training-run.js";

/**
 * What a finished run found, as text: held-out bits per byte beside the n-gram baselines, what experts tell about domains,
 * samples, and the commands to go on with.
 * @example console.log(trainingSummary(await trainingRun(config)));
 */
export function trainingSummary(result: TrainingRunResult): string {
  const parts = [bitsTable(result), specialisationText(result), ...result.samples.map(({ prompt, text }) => `${prompt} ▸${text}`), goOn(result)];
  return parts.filter(Boolean).join("\n\n");
}

function bitsTable({ evaluation, baselines }: TrainingRunResult): string {
  if (!evaluation) return "";
  const row = (name: string, model: number, of: (baseline: TrainingRunResult["baselines"][number]) => number) => [name, model.toFixed(3), ...baselines.map((baseline) => of(baseline).toFixed(3))];
  const domains = Object.entries(evaluation.domains).map(([name, { bitsPerByte }]) => row(name, bitsPerByte, ({ losses }) => losses.find(({ domain }) => domain === name)!.bitsPerByte));
  const all = row("all", evaluation.mean.bitsPerByte, ({ bitsPerByte }) => bitsPerByte);
  return table(["held-out bits per byte", "model", ...baselines.map(({ name }) => name)], [...domains, all]);
}

function specialisationText({ specialisation }: TrainingRunResult): string {
  if (!specialisation) return "";
  const { information, shuffled } = specialisation;
  return `An expert tells ${information.toFixed(4)} bits about the domain of a token (${shuffled.toFixed(4)} with shuffled domains).`;
}

function goOn({ out }: TrainingRunResult): string {
  const near = relative("", out) || ".";
  const folder = near.startsWith("..") ? out : near;
  return [
    "To go on:",
    `  npx moekit train ${folder}/run.json --resume      train on (after raising "steps" in it)`,
    `  npx moekit generate ${folder} --prompt "The"      write text`,
    `  npx moekit inspect ${folder} --text "The whale"   see which experts read it`,
  ].join("\n");
}

import { EXIT } from "../terminal/exit-codes.js";
import { command } from "../terminal/command.js";
import { interruptible } from "../terminal/interruptible.js";
import { readTrainingConfig } from "../training/training-config.js";
import { trainingProgress } from "../training/training-progress.js";
import { trainingRun } from "../training/training-run.js";
import { trainingSummary } from "../training/training-summary.js";

export const train = command({
  name: "train",
  description: "Train a model as a config file says",
  args: {
    config: { type: "positional", required: true, description: "The config file, JSON" },
    out: { type: "string", valueHint: "dir", description: "Folder to write; else the config's, else runs/<name>" },
    resume: { type: "boolean", description: "Go on from the newest checkpoint in the folder" },
  },
  example: "moekit train sea.json --out runs/sea",
  async run({ config: file, out, resume, json }, terminal) {
    const config = await readTrainingConfig(file);
    const onEvent = json ? (event: object) => terminal.write(`${JSON.stringify(event)}\n`) : trainingProgress(terminal);
    const result = await interruptible(terminal, (signal) => trainingRun(config, { out, resume, signal, onEvent }));
    terminal.write(json ? `${JSON.stringify({ kind: "result", ...result })}\n` : `\n${result.stopped === "finished" ? trainingSummary(result) : stoppedText(file, result)}\n`);
    return result.stopped === "finished" ? EXIT.ok : EXIT.interrupted;
  },
});

const stoppedText = (file: string, { step, out }: { step: number; out: string }): string => `stopped after step ${step}; go on with: moekit train ${file} --out ${out} --resume`;

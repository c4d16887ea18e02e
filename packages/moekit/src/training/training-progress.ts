import { SingleBar } from "cli-progress";
import { describeBackend } from "@moekit/backend";
import type { Evaluation, StepMetrics } from "@moekit/train";
import { duration, grouped, short } from "../terminal/number-text.js";
import { processTerminal, type Terminal } from "../terminal/terminal.js";
import type { TrainingEvent, TrainingPlan } from "./events.js";

/** How the steps of a run are shown. */
interface StepView {
  step(metrics: StepMetrics): void;
  evaluated(evaluation: Evaluation): void;
  saved(path: string): void;
  end(): void;
}

/**
 * Shows a training run to a person: a live bar (step, loss, held-out bits per byte, tokens/s, MaxVio of the worst layer, ETA)
 * on a terminal, plain lines elsewhere.
 *
 * @returns A listener for `onEvent` of {@link trainingRun}.
 * @example await trainingRun(config, { onEvent: trainingProgress() });
 */
export function trainingProgress(terminal: Terminal = processTerminal()): (event: TrainingEvent) => void {
  const line = (text: string) => terminal.write(`${text}\n`);
  let view: StepView | undefined;
  return (event) => {
    if (event.kind === "plan") {
      line(planText(event));
      view = terminal.barStream ? barView(event, terminal.barStream) : lineView(event, line);
    } else if (event.kind === "step") view?.step(event);
    else if (event.kind === "eval") view?.evaluated(event);
    else if (event.kind === "checkpoint") view?.saved(event.path);
    else if (event.kind === "trained") view?.end();
    else line(factText(event));
  };
}

function factText(event: Exclude<TrainingEvent, StepMetrics | Evaluation | TrainingPlan | { kind: "checkpoint" | "trained" }>): string {
  switch (event.kind) {
    case "backend":
      return `backend   ${describeBackend(event.backend)}`;
    case "data": {
      const tokens = (of: "trainTokens" | "heldOutTokens") => grouped(event.domains.reduce((sum, domain) => sum + domain[of], 0));
      return `text      ${event.domains.map(({ domain }) => domain).join(", ")}: ${tokens("trainTokens")} tokens to train on, ${tokens("heldOutTokens")} held out, vocabulary ${grouped(event.vocabSize)}`;
    }
    case "baseline":
      return `baseline  Kneser-Ney ${event.name}: ${event.bitsPerByte.toFixed(3)} bits per byte`;
    case "report":
      return `report    ${event.path}`;
  }
}

function planText({ steps, from, tokensPerStep, secondsPerStep, size }: TrainingPlan): string {
  const speed = secondsPerStep ? ` (${secondsPerStep.toFixed(2)} s each, measured)` : "";
  const start = from > 0 ? `, from step ${grouped(from)}` : "";
  return [
    `model     ${short(size.parameters)} parameters, ${short(size.activeParameters)} for each token, ${size.layers.length} layers`,
    `training  ${grouped(steps)} steps of ${grouped(tokensPerStep)} tokens${speed}${start}`,
  ].join("\n");
}

const maxVioOf = ({ layers }: StepMetrics): string => (layers.length > 0 ? Math.max(...layers.map(({ maxVio }) => maxVio)).toFixed(2) : "-");

function barView({ steps, from }: TrainingPlan, stream: NodeJS.WriteStream): StepView {
  const format = "{bar} {value}/{total} | loss {loss} | held out {heldOut} bits/byte | {speed} tokens/s | MaxVio {maxVio} | ETA {eta_formatted}";
  const bar = new SingleBar({ format, stream, barsize: 20, barCompleteChar: "█", barIncompleteChar: "░", hideCursor: true, etaBuffer: 50 });
  bar.start(steps, from, { loss: "-", heldOut: "-", speed: "-", maxVio: "-" });
  return {
    step: (metrics) => bar.update(metrics.step, { loss: metrics.lmLoss.toFixed(3), speed: grouped(metrics.tokensPerSecond), maxVio: maxVioOf(metrics) }),
    evaluated: ({ mean }) => bar.update({ heldOut: mean.bitsPerByte.toFixed(3) }),
    saved: () => {},
    end: () => bar.stop(),
  };
}

/** Where no bar can be drawn, a line is written at most so often. */
const SECONDS_BETWEEN_LINES = 10;

function lineView({ steps, from }: TrainingPlan, line: (text: string) => void): StepView {
  const start = performance.now();
  let last = -Infinity;
  return {
    step(metrics) {
      const now = performance.now();
      if (now - last < SECONDS_BETWEEN_LINES * 1000 && metrics.step < steps) return;
      last = now;
      const rest = ((now - start) / 1000 / (metrics.step - from)) * (steps - metrics.step);
      line(`step ${metrics.step}/${steps}  loss ${metrics.lmLoss.toFixed(3)}  ${grouped(metrics.tokensPerSecond)} tokens/s  MaxVio ${maxVioOf(metrics)}  ETA ${duration(rest)}`);
    },
    evaluated: ({ step, mean, domains }) => line(`step ${step}/${steps}  held out ${mean.bitsPerByte.toFixed(3)} bits per byte (${Object.entries(domains).map(([name, { bitsPerByte }]) => `${name} ${bitsPerByte.toFixed(2)}`).join(", ")})`),
    saved: (path) => line(`checkpoint ${path}`),
    end: () => {},
  };
}

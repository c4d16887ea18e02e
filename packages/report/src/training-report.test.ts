import type { NgramLoss } from "@moekit/data";
import type { Evaluation, StepMetrics } from "@moekit/train";
import { expect, expectTypeOf, test } from "vitest";
import { renderTrainingReport } from "./render-training-report.js";
import { sampleReport } from "./testing/sample-report.js";
import type { ReportBaseline, ReportEvaluation, ReportStep, TrainingReport } from "./training-report.js";

test("what the trainer and the n-gram baselines return fits as it is", () => {
  expectTypeOf<StepMetrics>().toExtend<ReportStep>();
  expectTypeOf<Evaluation>().toExtend<ReportEvaluation>();
  expectTypeOf<NgramLoss>().toExtend<ReportBaseline["losses"][number]>();
});

test("the lines of metrics.jsonl sort into steps and evaluations by their kind", () => {
  const { model, machine, steps, evaluations } = sampleReport();
  const lines = [...steps.map((step) => ({ kind: "step", ...step })), ...evaluations!.map((evaluation) => ({ kind: "eval", ...evaluation }))].map((record) => JSON.stringify(record));
  const records = lines.map((line) => JSON.parse(line) as (ReportStep & { kind: "step" }) | (ReportEvaluation & { kind: "eval" }));
  const report: TrainingReport = { title: "t", model, machine, steps: records.filter((record) => record.kind === "step"), evaluations: records.filter((record) => record.kind === "eval") };
  expect(renderTrainingReport(report)).toBe(renderTrainingReport({ title: "t", model, machine, steps, evaluations }));
});

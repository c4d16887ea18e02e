/** The usual set of moekit under one name, and training runs from a config. Everything else is in the packages themselves. */
export { describeBackend, selectBackend, type BackendChoice, type BackendName } from "@moekit/backend";
export { balancingMethods, globalBatchLoss, lossByName, LossFreeBias, loadMetrics, RoutingRecorder, switchLoss, zLoss } from "@moekit/balancing";
export { isMoekitError, MoeLayer, parameters, StackedExperts, type LanguageModel, type Router, type Routing } from "@moekit/core";
export { BpeTokenizer, evaluateNgram, evaluationWindows, loadCorpus, MixtureBatches, splitCorpus, tokenizeCorpus, trainBpe, trainKneserNey } from "@moekit/data";
export { createModel, generate, loadModel, loadTokenizer, modelSize, MoeTransformer, parseConfig, saveModel, scoreModel, streamText } from "@moekit/models";
export { renderTrainingReport } from "@moekit/report";
export { routerByName, routingMethods, SigmoidRouter, TopKRouter } from "@moekit/routing";
export { adamw, constant, cosine, evaluate, latestCheckpoint, muon, Trainer, wsd } from "@moekit/train";
export { describeModel, type ModelDescription } from "./inspection/describe-model.js";
export { diagnose, type Diagnosis } from "./inspection/diagnose.js";
export { routingOfText, type TextRouting } from "./inspection/routing-of-text.js";
export type { BaselineResult, DomainTokens, TrainingEvent, TrainingPlan } from "./training/events.js";
export { parseTrainingConfig, readTrainingConfig, type TrainingConfig, type TrainingInput } from "./training/training-config.js";
export { trainingProgress } from "./training/training-progress.js";
export { trainingRun, type TrainingRunOptions, type TrainingRunResult } from "./training/training-run.js";
export { trainingSummary } from "./training/training-summary.js";
export type { Terminal } from "./terminal/terminal.js";

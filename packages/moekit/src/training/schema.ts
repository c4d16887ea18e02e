/** The shape of a training config. What one field can say about itself is checked here; see `check-config.ts` for the rest. */
import { z } from "zod";
import { backendNames } from "@moekit/backend";

const whole = (least = 1) => z.int().min(least);
const positive = z.number().gt(0);
const atLeast0 = z.number().min(0);
const share = z.number().gt(0).lt(1);

const domain = z.strictObject({
  /** A text file (`.gz` too; form feeds separate documents), or a folder whose files are the documents. */
  path: z.string().min(1),
  /** How often it is drawn, relative to the others. Give all or none. Left out: its number of tokens. */
  weight: atLeast0.optional(),
  /** Only files with these endings, e.g. `[".md"]`; for folders. */
  extensions: z.array(z.string().startsWith(".")).min(1).optional(),
});

const data = z.strictObject({
  domains: z.record(z.string().min(1), domain).refine((domains) => Object.keys(domains).length > 0, "must name at least one domain"),
  /** The part of each domain that is held out, in so many chunks. */
  heldOut: z.strictObject({ fraction: share.default(0.1), chunks: whole().default(5) }).prefault({}),
  /** Train a byte-level BPE tokenizer of `vocabSize` tokens, or use the `tokenizer.json` that moekit wrote as `file`. */
  tokenizer: z.strictObject({ vocabSize: whole(257).optional(), file: z.string().min(1).optional() }),
});

const adamwSettings = { beta1: share.optional(), beta2: share.optional(), eps: positive.optional(), weightDecay: atLeast0.optional() };

const optimizer = z.discriminatedUnion("name", [
  z.strictObject({ name: z.literal("adamw"), ...adamwSettings }),
  z.strictObject({
    name: z.literal("muon"),
    momentum: share.optional(),
    scaling: z.enum(["aspect", "moonlight"]).optional(),
    weightDecay: atLeast0.optional(),
    adamwRate: positive.optional(),
    adamw: z.strictObject(adamwSettings).optional(),
  }),
]);

/** `warmupRatio` and `decayRatio` are shares of all steps. */
const warmupRatio = z.number().min(0).lt(1).default(0.05);

const schedule = z.discriminatedUnion("name", [
  z.strictObject({ name: z.literal("cosine"), peak: positive, warmupRatio, floor: atLeast0.optional() }),
  z.strictObject({ name: z.literal("wsd"), peak: positive, warmupRatio, decayRatio: z.number().min(0).max(1).default(0.2), decay: z.enum(["linear", "sqrt", "cosine"]).optional(), floor: atLeast0.optional() }),
  z.strictObject({ name: z.literal("constant"), peak: positive, warmupRatio }),
]);

/** A loss of `@moekit/balancing` by name, its coefficient (one number, or one for each MoE layer) and its other settings. */
const balancingLoss = z.looseObject({ name: z.string(), coefficient: z.union([atLeast0, z.array(atLeast0)]).optional() });

const training = z.strictObject({
  /** Optimiser steps; or `minutes`: the speed is measured first and the steps follow from it. */
  steps: whole().optional(),
  minutes: positive.optional(),
  batchSize: whole(),
  sequenceLength: whole(2),
  /** Micro-batches per step. */
  accumulate: whole().default(1),
  optimizer,
  schedule,
  /** Largest gradient norm. */
  clipNorm: positive.default(1),
  balancing: z.array(balancingLoss).default([]),
  /** Moves the selection bias of the routers that have one (`sigmoid`, `groupLimited`). */
  lossFreeBias: z.strictObject({ speed: atLeast0.default(0.001), rule: z.enum(["sign", "proportional"]).default("sign"), centred: z.boolean().default(false) }).optional(),
  /** Steps between evaluations; left out: an eighth of the run, at least 25. The last step is always evaluated. */
  evaluateEvery: whole().optional(),
  /** Held-out windows per domain; left out: all. */
  evaluationWindows: whole().optional(),
  /** Steps between checkpoints; left out: a quarter of the run. */
  checkpointEvery: whole().optional(),
  keepCheckpoints: whole().default(2),
});

const report = z.strictObject({
  /** Orders of the Kneser-Ney models to compare with. */
  baselines: z.array(whole()).default([2, 3, 5]),
  /** Texts to continue; left out: how each held-out domain begins. */
  prompts: z.array(z.string().min(1)).optional(),
  sampleTokens: whole().default(80),
  temperature: atLeast0.default(0.8),
});

/** The schema of a config file. */
export const trainingSchema = z.strictObject({
  /** Name of the run and of its folder. */
  name: z.string().regex(/^\w[\w.-]*$/, "must be a name for a folder: letters, digits, dots and dashes"),
  /** Folder to write; left out: `runs/<name>`. */
  out: z.string().min(1).optional(),
  seed: whole(0).default(0),
  backend: z.enum(["auto", ...backendNames]).default("auto"),
  /** A Hugging Face config (with `model_type`), or our sizes. */
  model: z.record(z.string(), z.unknown()),
  /** Another router than the family's, by name, with its settings. */
  router: z.looseObject({ name: z.string() }).optional(),
  data,
  training,
  report: report.prefault({}),
});

/** All cases of all ops, for the tests, benchmarks and the op table. Not part of the published API. */
import { combineCases } from "./combine/combine.cases.js";
import { dispatchCases } from "./dispatch/dispatch.cases.js";
import { expertMlpCases } from "./expert-mlp/expert-mlp.cases.js";
import { gatherRowsCases } from "./gather-rows/gather-rows.cases.js";
import { groupedMatmulCases } from "./grouped-matmul/grouped-matmul.cases.js";
import { adamwStepCases } from "./adamw-step/adamw-step.cases.js";
import { attentionCases } from "./attention/attention.cases.js";
import { crossEntropyCases } from "./cross-entropy/cross-entropy.cases.js";
import { linearCases } from "./linear/linear.cases.js";
import { packedExpertMlpCases } from "./packed-expert-mlp/packed-expert-mlp.cases.js";
import { packedGatherRowsCases } from "./packed-gather-rows/packed-gather-rows.cases.js";
import { packedMatmulCases } from "./packed-matmul/packed-matmul.cases.js";
import { rmsNormCases } from "./rms-norm/rms-norm.cases.js";
import { rotaryCases } from "./rotary/rotary.cases.js";
import { swigluCases } from "./swiglu/swiglu.cases.js";
import type { OpCase } from "./op-case.js";
import { segmentedLoraCases } from "./segmented-lora/segmented-lora.cases.js";
import { sortByExpertCases } from "./sort-by-expert/sort-by-expert.cases.js";
import { topKCases } from "./top-k/top-k.cases.js";

export const allCases: readonly OpCase[] = [
  ...topKCases,
  ...sortByExpertCases,
  ...dispatchCases,
  ...combineCases,
  ...gatherRowsCases,
  ...groupedMatmulCases,
  ...expertMlpCases,
  ...segmentedLoraCases,
  ...adamwStepCases,
  ...attentionCases,
  ...crossEntropyCases,
  ...linearCases,
  ...packedMatmulCases,
  ...packedExpertMlpCases,
  ...packedGatherRowsCases,
  ...rmsNormCases,
  ...rotaryCases,
  ...swigluCases,
];

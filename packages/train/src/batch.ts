import * as tf from "@tensorflow/tfjs";
import type { Tensor1D, Tensor2D } from "@tensorflow/tfjs";
import type { Batch } from "@moekit/data";

/** Tokens that a batch routes. */
export const numTokens = ({ batchSize, sequenceLength }: Batch): number => batchSize * sequenceLength;

/** Targets that count: all but the ignored ones (-1). */
export const numTargets = ({ targetIds }: Batch): number => targetIds.reduce((count, id) => count + (id >= 0 ? 1 : 0), 0);

/** `[B, S]` int32. */
export const inputIds = ({ inputIds: ids, batchSize, sequenceLength }: Batch): Tensor2D => tf.tensor2d(ids, [batchSize, sequenceLength], "int32");

/** `[T]` int32: the domain of each token, from the domain of its sequence. */
export const tokenDomains = ({ domainIds, batchSize, sequenceLength }: Batch): Tensor1D =>
  tf.tensor1d(Int32Array.from({ length: batchSize * sequenceLength }, (_, token) => domainIds[Math.floor(token / sequenceLength)]!), "int32");

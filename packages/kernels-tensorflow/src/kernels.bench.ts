/** Kernels against the references on TensorFlow: `MOEKIT_TFJS_NODE=DIR npx vitest bench --run`. Sizes of a small language model. */
import {
  combineGradOp, combineOp, crossEntropyGradOp, dispatchOp, expertMlpGradOp, expertMlpOp, gatherRowsOp, groupedMatmulInputOp,
  groupedMatmulOp, groupedMatmulWeightOp, groupedSumOp, scatterRowsOp, sortByExpert, topKOp,
} from "@moekit/core";
import * as tf from "@tensorflow/tfjs";
import { bench, describe } from "vitest";
import { loadTensorflow, registerTensorflowKernels, tensorflowKernelNames } from "./index.js";

const [T, K, E, D, F, V] = [2048, 2, 16, 256, 256, 4096];
await loadTensorflow(); // or the reason why not
for (const [name, run] of cases()) describe(name, () => compare(run));

/** References register themselves where there is no kernel. */
function compare(run: () => tf.Tensor[]): void {
  const onTidy = () => void tf.tidy(run);
  const removeKernels = () => tensorflowKernelNames.forEach((name) => tf.getKernel(name, "tensorflow") && tf.unregisterKernel(name, "tensorflow"));
  bench("reference", onTidy, { setup: removeKernels });
  bench("kernel", onTidy, { setup: registerTensorflowKernels });
}

function cases(): [name: string, run: () => tf.Tensor[]][] {
  const N = T * K;
  const normal = (...shape: number[]) => tf.randomNormal(shape, 0, 1, "float32", 7) as never;
  const ids = (length: number, below: number) => tf.cast(tf.randomUniform([length], 0, below, "float32", 7), "int32");
  const { order, inverse, offsets } = sortByExpert(tf.reshape(ids(N, E), [T, K]), E);
  const [x, y, dy, rows_NF, gates, scores] = [normal(T, D), normal(N, D), normal(T, D), normal(N, F), normal(T, K), normal(T, E)];
  const [logits, dLosses] = [normal(T, V), normal(T)];
  const [w, gate, down] = [normal(E, F, D), normal(E, F, D), normal(E, D, F)];
  const [table, tokens, targets] = [normal(V, D), ids(T, V) as tf.Tensor1D, ids(T, V) as tf.Tensor1D];
  const activation = "silu";
  return [
    ["topK", () => topKOp.run({ scores }, { k: K })],
    ["dispatch", () => dispatchOp.run({ x, order, inverse }, { slotsPerToken: K })],
    ["combine", () => combineOp.run({ y, gates, order, inverse }, {})],
    ["combineGrad", () => combineGradOp.run({ y, gates, order, inverse, dy }, {})],
    ["gatherRows", () => gatherRowsOp.run({ x: table, ids: tokens }, {})],
    ["scatterRows", () => scatterRowsOp.run({ y: x, ids: tokens }, { numRows: V })],
    ["groupedMatmul", () => groupedMatmulOp.run({ x: y, w, offsets }, {})],
    ["groupedMatmulInput", () => groupedMatmulInputOp.run({ dy: rows_NF, w, offsets }, {})],
    ["groupedMatmulWeight", () => groupedMatmulWeightOp.run({ dy: rows_NF, x: y, offsets }, {})],
    ["groupedSum", () => groupedSumOp.run({ x: y, offsets }, {})],
    ["expertMlp (by its reference on grouped kernels)", () => expertMlpOp.run({ x: y, gate, up: w, down, offsets }, { activation })],
    ["expertMlpGrad (likewise)", () => expertMlpGradOp.run({ x: y, gate, up: w, down, offsets, dy: y }, { activation })],
    ["crossEntropyGrad", () => crossEntropyGradOp.run({ logits, targets, dy: dLosses }, {})],
  ];
}

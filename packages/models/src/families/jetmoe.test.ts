import * as tf from "@tensorflow/tfjs";
import { bufferedGlobalBatchLoss, CountBuffer, LossFreeBias } from "@moekit/balancing";
import { disposeParameters, routerKey, tidy, tokensPerExpert } from "@moekit/core";
import { expect, it } from "vitest";
import { loadModel } from "../checkpoint/load-model.js";
import { fixtureFolder, useBackend } from "../testing/fixtures.js";

it("the two routers of a jetmoe layer are balanced by counts of their own", async () => {
  await useBackend("cpu");
  const model = await loadModel(fixtureFolder("jetmoe"));
  const buffer = new CountBuffer();
  tidy(() => {
    const { trace } = model.forward(tf.tensor2d([[5, 9, 3, 7, 11, 2, 8, 1]], undefined, "int32"));
    expect(trace.map(routerKey)).toEqual(model.layers.flatMap((_, layer) => [`${layer}.attention`, `${layer}`]));
    buffer.add(trace);
    for (const { layer, part, routing } of trace) expect([...buffer.counts(layer, part).dataSync()], routerKey({ layer, part })).toEqual([...tokensPerExpert(routing).dataSync()]);
    const counts = trace.map(({ layer, part }) => ({ layer, part, counts: buffer.counts(layer, part).dataSync<"float32">() as Float32Array }));
    expect(counts[0]!.counts).not.toEqual(counts[1]!.counts);
    expect(bufferedGlobalBatchLoss({ buffer }).loss(trace).map(({ layer, part }) => [layer, part])).toEqual(counts.map(({ layer, part }) => [layer, part]));
    // One step up for each expert with fewer tokens than the mean, one down for more, by the counts of the same router.
    const layers = trace.map(({ layer, part, routing }) => ({ layer, part, expertBias: tf.variable(tf.zeros<tf.Rank.R1>([routing.numExperts]), false) as tf.Variable<tf.Rank.R1> }));
    new LossFreeBias({ layers, speed: 1 }).afterStep(counts);
    layers.forEach(({ expertBias }, i) => {
      const mean = counts[i]!.counts.reduce((a, b) => a + b, 0) / expertBias.size;
      expect([...expertBias.dataSync()]).toEqual(Array.from(counts[i]!.counts, (count) => Math.sign(mean - count)));
      expertBias.dispose();
    });
  });
  buffer.reset();
  disposeParameters(model);
});

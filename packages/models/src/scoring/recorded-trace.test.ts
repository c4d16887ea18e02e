import * as tf from "@tensorflow/tfjs";
import { disposeParameters } from "@moekit/core";
import { beforeAll, describe, expect, it } from "vitest";
import { loadModel } from "../checkpoint/load-model.js";
import { fixtureFolder, useBackend } from "../testing/fixtures.js";
import { recordedTrace } from "./recorded-trace.js";

describe("recordedTrace", () => {
  beforeAll(() => useBackend("cpu"));

  it.each(["jetmoe", "mixtral"])("%s itself traces each router once, attention before feed-forward", async (family) => {
    const model = await loadModel(fixtureFolder(family));
    tf.tidy(() => {
      const { trace } = model.forward(tf.tensor2d([[5, 6, 7]], [1, 3], "int32"));
      const [a0, m0, a1, m1, a2, m2] = trace;
      expect(trace.map(({ layer }) => layer)).toEqual(family === "jetmoe" ? [0, 0, 1, 1, 2, 2] : [0, 1, 2]);
      expect(recordedTrace(trace, model.config)).toEqual(family === "jetmoe" ? [a0, a0, m0, a1, a1, m1, a2, a2, m2] : trace);
    });
    disposeParameters(model);
  });
});

import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { disposeParameters, loadParameters, parameters, trainableParameters } from "./parameters.js";

const vector = (...values: number[]) => tf.variable(tf.tensor1d(values));
const module = () => ({ layers: [{ weight: vector(1, 2) }, { weight: vector(3) }], bias: tf.variable(tf.tensor1d([0]), false), cache: tf.tensor1d([9]), name: "m" });

describe("parameters", () => {
  it("walks fields and arrays into dotted paths and skips plain tensors", () => {
    expect(Object.keys(parameters(module()))).toEqual(["layers.0.weight", "layers.1.weight", "bias"]);
    expect(Object.keys(trainableParameters(module()))).toEqual(["layers.0.weight", "layers.1.weight"]);
  });

  it("lists a variable that is reached twice once, under its first path", () => {
    const tied = vector(1);
    expect(Object.keys(parameters({ embedding: tied, head: tied }))).toEqual(["embedding"]);
  });

  it("loads by path", () => {
    const target = module();
    loadParameters(target, { "layers.0.weight": tf.tensor1d([5, 6]), "layers.1.weight": tf.tensor1d([7]), bias: tf.tensor1d([8]) });
    expect(Object.values(parameters(target)).flatMap((v) => [...v.dataSync()])).toEqual([5, 6, 7, 8]);
  });

  it("names what is missing, unexpected or misshapen, and then loads nothing", () => {
    const target = module();
    const load = () => loadParameters(target, { "layers.0.weight": tf.tensor1d([5]), head: tf.tensor1d([1]), bias: tf.tensor1d([8]) });
    expect(load).toThrow("Missing: layers.1.weight. Unexpected: head. Wrong shape: layers.0.weight must be [2], got [1].");
    expect(target.bias.dataSync()[0]).toBe(0);
  });

  it("disposes of all variables", () => {
    const target = module();
    const before = tf.memory().numTensors;
    disposeParameters(target);
    expect(before - tf.memory().numTensors).toBe(3);
  });
});

import { isMoekitError } from "@moekit/core";
import * as tf from "@tensorflow/tfjs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { loadWith, type TensorflowInfo } from "./load-tensorflow.js";

const GPU = "@tensorflow/tfjs-node-gpu";
const CPU = "@tensorflow/tfjs-node";

/** As Node words it. */
const missing = (name: string): Error => new Error(`Cannot find package '${name}' imported from index.js`);

/** Loads where importing a package gives its exports, or throws. */
const load = (packages: Record<string, () => object>): Promise<TensorflowInfo> =>
  loadWith(async (name) => {
    const exports = packages[name];
    if (!exports) throw missing(name);
    return { default: exports() };
  });

const failing = (error: Error) => (): never => {
  throw error;
};

/** Registers tfjs's cpu backend under the name of TensorFlow's, so that the steps of loading can be tested without it. */
function stand(gpu: boolean, failure?: Error): object {
  const CpuBackend = tf.findBackend("cpu").constructor as new () => tf.KernelBackend;
  if (tf.findBackend("tensorflow")) tf.removeBackend("tensorflow");
  tf.registerBackend("tensorflow", () => Object.assign(new CpuBackend(), { isUsingGpuDevice: gpu }));
  const add = tf.getKernel("Add", "cpu");
  if (tf.getKernel("Add", "tensorflow")) tf.unregisterKernel("Add", "tensorflow");
  const kernelFunc: tf.KernelConfig["kernelFunc"] = (call) => {
    if (failure) throw failure;
    return add.kernelFunc(call);
  };
  tf.registerKernel({ ...add, backendName: "tensorflow", kernelFunc });
  return { ...tf, version: { "tfjs-node": "4.22.0" } };
}

const messageOf = (packages: Record<string, () => object>): Promise<string> =>
  load(packages).then(
    () => "loaded",
    (error: unknown) => {
      expect(isMoekitError(error, "config")).toBe(true);
      return (error as Error).message;
    },
  );

describe("loadTensorflow", () => {
  beforeEach(() => tf.setBackend("cpu"));
  afterEach(() => void vi.unstubAllGlobals());

  it("takes the gpu package where there is one, and imports no second TensorFlow", async () => {
    const info = await load({ [GPU]: () => stand(true), [CPU]: failing(new Error("imported")) });
    expect(info).toEqual({ package: GPU, version: "4.22.0", gpu: true });
    expect(tf.getBackend()).toBe("tensorflow");
    expect(tf.getKernel("MoekitTopK", "tensorflow")).toBeDefined();
  });

  it("says of a gpu package without a GPU that it runs on the CPU", async () => {
    expect(await load({ [GPU]: () => stand(false) })).toMatchObject({ package: GPU, gpu: false });
  });

  it("takes the other package where the gpu one is missing", async () => {
    expect(await load({ [CPU]: () => stand(false) })).toEqual({ package: CPU, version: "4.22.0", gpu: false });
  });

  it("says what to install where both are missing, and leaves the backend alone", async () => {
    expect(await messageOf({})).toBe(
      "loadTensorflow: TensorFlow must be installed and work; got: @tensorflow/tfjs-node-gpu is not installed (npm install @tensorflow/tfjs-node-gpu); @tensorflow/tfjs-node is not installed (npm install @tensorflow/tfjs-node).",
    );
    expect(tf.getBackend()).toBe("cpu");
  });

  it.each([`Could not resolve "${GPU}" imported by "@moekit/kernels-tensorflow".`, `Cannot find module '${GPU}'\nRequire stack: ...`])("knows other words for a missing package (%s)", async (words) => {
    expect(await messageOf({ [GPU]: failing(new Error(words)) })).toContain(`${GPU} is not installed`);
  });

  it("passes on what the loader of a library says, and tells a missing dependency from a missing package", async () => {
    const message = await messageOf({
      [GPU]: failing(new Error("libcudart.so.11.0: cannot open shared object file: No such file or directory")),
      [CPU]: failing(missing("@mapbox/node-pre-gyp")),
    });
    expect(message).toContain("@tensorflow/tfjs-node-gpu failed: libcudart.so.11.0: cannot open shared object file");
    expect(message).toContain("@tensorflow/tfjs-node failed: Cannot find package '@mapbox/node-pre-gyp'");
  });

  it("says that Node is too new, which shows in the first op only, and goes back to the backend from before", async () => {
    vi.stubGlobal("process", { ...process, versions: { ...process.versions, node: "24.1.0" } });
    const message = await messageOf({ [CPU]: () => stand(false, new TypeError("(0 , util_1.isNullOrUndefined) is not a function")) });
    expect(message).toContain("@tensorflow/tfjs-node does not work on Node 24.1.0, which removed functions of node:util that it calls");
    expect(tf.getBackend()).toBe("cpu");
    expect(tf.findBackend("tensorflow")).toBeNull();
  });

  it("refuses a package with a tfjs of its own", async () => {
    const message = await messageOf({ [CPU]: () => ({ ...stand(false), Tensor: class {} }) });
    expect(message).toContain('@tensorflow/tfjs-node brings its own copy of @tensorflow/tfjs ("npm ls @tensorflow/tfjs" shows both)');
    expect(tf.getBackend()).toBe("cpu");
  });
});

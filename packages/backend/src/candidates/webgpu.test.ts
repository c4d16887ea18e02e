import { describeOn } from "@moekit/testing";
import * as tf from "@tensorflow/tfjs";
import { afterEach, expect, it, vi } from "vitest";
import { selectBackend } from "../index.js";
import * as adapters from "../webgpu-adapter.js";

afterEach(() => vi.restoreAllMocks());

await describeOn("webgpu", () => {
  it("multiplies on the GPU, or on what plays it, and names it", async () => {
    const { facts } = await selectBackend("webgpu");
    expect(facts.device).toMatch(/\w/);
    expect(await tf.matMul([[1, 2]], [[3], [4]]).data()).toEqual(Float32Array.of(11));
  });
});

it("auto passes a software adapter over, even where it is asked to try WebGPU", async () => {
  vi.spyOn(adapters, "findAdapter").mockResolvedValue({ info: { vendor: "google", architecture: "swiftshader", description: "" }, software: true });
  const { candidates } = await selectBackend("auto", { webgpu: true });
  expect(candidates.find(({ name }) => name === "webgpu")).toEqual(
    expect.objectContaining({ status: "failed", reason: "its only adapter (google swiftshader) computes on the CPU, slower than the other backends" }),
  );
});

it("says that no adapter was found", async () => {
  vi.spyOn(adapters, "findAdapter").mockRejectedValue(new Error("no GPU with a driver for WebGPU was found"));
  await expect(selectBackend("webgpu")).rejects.toThrow("no GPU with a driver for WebGPU was found. To get it: npm install @tensorflow/tfjs-backend-webgpu, in Node also webgpu");
});

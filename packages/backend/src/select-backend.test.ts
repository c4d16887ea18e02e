import { swiglu } from "@moekit/core";
import * as tf from "@tensorflow/tfjs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { candidates } from "./candidates/index.js";
import { backendNames, describeBackend, selectBackend } from "./index.js";
import { NotInstalledError } from "./optional-import.js";
import type { BackendName, Candidate } from "./types.js";

/** Makes candidates fail (by error) or start as the cpu backend does, so that the choice does not depend on the machine. */
function pretend(outcomes: Partial<Record<BackendName, Error | "works">>) {
  for (const candidate of candidates) {
    const outcome = outcomes[candidate.name];
    if (!outcome) continue;
    const start = async () => {
      if (outcome !== "works") throw outcome;
      await tf.setBackend("cpu");
      return { threads: 3 };
    };
    vi.spyOn(candidate as Mutable, "start").mockImplementation(start);
  }
}

/** Candidates are only read elsewhere. */
type Mutable = { start: Candidate["start"] };

const status = (name: BackendName, reports: Awaited<ReturnType<typeof selectBackend>>["candidates"]) => reports.find((report) => report.name === name);

afterEach(() => vi.restoreAllMocks());

describe("selectBackend", () => {
  it("tries the fastest first", () => {
    expect(backendNames).toEqual(["cuda", "webgpu", "native", "tensorflow", "wasm", "cpu"]);
  });

  it("auto takes the first that works and says why the others were passed over", async () => {
    pretend({ cuda: new NotInstalledError("@moekit/kernels-cuda"), native: new Error("there is no binary for plan9."), tensorflow: "works" });
    const choice = await selectBackend();
    expect([choice.name, choice.tfjsName, choice.facts]).toEqual(["tensorflow", "tensorflow", { threads: 3 }]);
    expect(choice.candidates).toEqual([
      { name: "cuda", status: "not-installed", reason: "@moekit/kernels-cuda is not installed" },
      { name: "webgpu", status: "not-asked", reason: "is only tried if asked for, by name or with { webgpu: true }" },
      { name: "native", status: "failed", reason: "there is no binary for plan9" },
      { name: "tensorflow", status: "chosen", reason: "is the first that works here" },
      { name: "wasm", status: "not-tried", reason: "tensorflow comes before it" },
      { name: "cpu", status: "not-tried", reason: "tensorflow comes before it" },
    ]);
  });

  it("auto tries WebGPU where it is asked to", async () => {
    pretend({ cuda: new Error("no GPU"), webgpu: "works" });
    expect((await selectBackend("auto", { webgpu: true })).name).toBe("webgpu");
  });

  it("auto is a real backend with its kernels on this machine, and says so of every candidate", async () => {
    const choice = await selectBackend("auto");
    expect(tf.getBackend()).toBe(choice.tfjsName);
    expect(choice.candidates.map(({ name }) => name)).toEqual(backendNames);
    expect(choice.candidates.filter((report) => report.status === "chosen")).toEqual([expect.objectContaining({ name: choice.name })]);
    expect(await tf.add(1, 2).data()).toEqual(Float32Array.of(3));
  });

  it.each(["wasm", "cpu"] as const)("%s comes with the kernels of moekit, also when it is chosen again", async (name) => {
    for (let time = 0; time < 2; time++) {
      const choice = await selectBackend(name);
      expect([choice.name, tf.getBackend(), choice.facts.threads]).toEqual([name, name, 1]);
      expect(status(name, choice.candidates)).toEqual({ name, status: "chosen", reason: "was asked for by name" });
      expect(tf.getKernel("MoekitSwiglu", name)).toBeDefined();
      // silu(2) = 2 / (1 + exp(-2)) = 1.761594.
      expect((await swiglu(tf.tensor1d([2]), tf.tensor1d([10])).data())[0]).toBeCloseTo(17.61594, 4);
    }
  });

  it("refuses a named backend that is missing, with what to do, and leaves the active one", async () => {
    await selectBackend("cpu");
    pretend({ native: new NotInstalledError("@moekit/kernels-native") });
    await expect(selectBackend("native")).rejects.toThrow(
      'selectBackend: the backend "native" must be available; got: @moekit/kernels-native is not installed. To get it: npm install @moekit/kernels-native.',
    );
    expect([tf.getBackend(), tf.scalar(2).dataSync()[0]]).toEqual(["cpu", 2]);
  });

  it("leaves the active backend where TensorFlow.js cannot start another", async () => {
    await selectBackend("cpu");
    tf.registerBackend("broken", () => Promise.reject(new Error("no")));
    const { activate } = await import("./activate.js");
    const cuda = candidates.find(({ name }) => name === "cuda")!;
    vi.spyOn(console, "warn").mockImplementation(() => {}); // tfjs prints the stack
    vi.spyOn(cuda as Mutable, "start").mockImplementation(() => activate("broken").then(() => ({})));
    await expect(selectBackend("cuda")).rejects.toThrow("could not start it");
    expect([tf.getBackend(), tf.scalar(2).dataSync()[0]]).toEqual(["cpu", 2]);
    tf.removeBackend("broken");
  });

  it("refuses names that it does not know", async () => {
    await expect(selectBackend("gpu" as BackendName)).rejects.toThrow('selectBackend: unknown name "gpu"; known names are auto, cpu, cuda, native, tensorflow, wasm, webgpu.');
  });

  it("describes a choice in one line", () => {
    expect(describeBackend({ name: "wasm", facts: { threads: 1, simd: "wasm simd128" } })).toBe("wasm (1 thread, wasm simd128)");
    expect(describeBackend({ name: "webgpu", facts: { device: "NVIDIA H100" } })).toBe("webgpu (NVIDIA H100)");
    expect(describeBackend({ name: "native", facts: { threads: 2, simd: "avx512" } })).toBe("native (2 threads, avx512)");
    expect(describeBackend({ name: "cpu", facts: {} })).toBe("cpu");
  });
});

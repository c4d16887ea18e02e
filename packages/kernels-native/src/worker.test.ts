import { spawnSync } from "node:child_process";
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { loadAddon } from "./load-addon.js";
import { whyNoKernels } from "./testing/native.js";

/** What a worker does: loads the compiled kernels and multiplies again and again; row i of the product is i + 1 everywhere. */
const WORK = `
  const { workerData, parentPort } = require("node:worker_threads");
  const native = require(workerData.origin);
  const n = 160;
  const a = Float32Array.from({ length: n * n }, (_, i) => (i % n === 0 ? Math.floor(i / n) + 1 : 0));
  const b = new Float32Array(n * n).fill(1);
  let wrong = 0;
  for (let round = 0; round < workerData.rounds; round++) {
    const out = new Float32Array(n * n);
    native.matmul(a, b, out, 1, n, n, n, false, false, 0, 0, undefined);
    for (let i = 0; i < n * n; i++) if (out[i] !== Math.floor(i / n) + 1) wrong++;
  }
  parentPort.postMessage(wrong);
`;

describe.skipIf(whyNoKernels)("worker threads", () => {
  it("share the kernels and get right results at the same time, and their end leaves the threads of others alone", async () => {
    const { settings } = loadAddon();
    settings.setThreads(3);
    for (let turn = 0; turn < 3; turn++) {
      expect(await Promise.all([1, 2, 3, 4].map(() => wrongNumbers(30)))).toEqual([0, 0, 0, 0]);
    }
    expect(settings.threads()).toBe(3);
  });
});

describe.skipIf(whyNoKernels)("the pool of threads", () => {
  it("lets process.exit end the process, though its threads still wait for work", () => {
    const code = `
      const native = require(process.argv[1]);
      native.setThreads(3);
      native.matmul(new Float32Array(90000), new Float32Array(90000), new Float32Array(90000), 1, 300, 300, 300, false, false, 0, 0);
      process.exit(7);
    `;
    const { status, error } = spawnSync(process.execPath, ["-e", code, loadAddon().origin], { stdio: "ignore", timeout: 60_000 });
    expect({ status, error }).toEqual({ status: 7, error: undefined });
  });
});

function wrongNumbers(rounds: number): Promise<number> {
  const { origin } = loadAddon();
  return new Promise((resolve, reject) => {
    const worker = new Worker(WORK, { eval: true, workerData: { origin, rounds } });
    let wrong = -1;
    worker.on("message", (count: number) => (wrong = count));
    worker.on("error", reject);
    worker.on("exit", () => resolve(wrong));
  });
}

/** Experts with packed weights by llama.cpp's own operators. */
import { llamaFolder, noLlamaCpp } from "../../packages/models/src/testing/llama-addon.ts";
import { summary } from "../lib/benchmark.ts";
import type { LinePeer } from "./line-peer.ts";
import { openPython } from "./python.ts";

/** Formats that llama.cpp can keep in a faster order on processors of this kind. */
const REPACKED = ["q4_0", "q4_K"];

/** Starts it, or says why it cannot. */
export async function openGgml(threads: number): Promise<LinePeer | string> {
  return noLlamaCpp ?? openPython("experts_ggml.py", threads, llamaFolder());
}

/** Median milliseconds, of the faster order of weights. */
export async function ggmlTime(peer: LinePeer, format: string, tokens: number, runs: number): Promise<number> {
  const medians: number[] = [];
  for (const order of REPACKED.includes(format) ? ["", " repacked"] : [""]) {
    const times: number[] = [];
    for (let round = 0; round < runs; round++) times.push(await peer.time(`${format} ${tokens}${order}`));
    medians.push(summary(times).ms);
  }
  return Math.min(...medians);
}

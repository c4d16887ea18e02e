/** Experts with packed weights by llama.cpp's own operators. */
import { llamaFolder, noLlamaCpp } from "../../packages/models/src/testing/llama-addon.ts";
import { fastestOf, type LinePeer } from "./line-peer.ts";
import { openPython } from "./python.ts";

/** Formats that llama.cpp can keep in a faster order on processors of this kind. */
const REPACKED = ["q4_0", "q4_K"];

/** Starts it, or says why it cannot. */
export async function openGgml(threads: number): Promise<LinePeer | string> {
  return noLlamaCpp ?? openPython("experts_ggml.py", threads, llamaFolder());
}

/** Median milliseconds, of the faster order of weights. */
export async function ggmlTime(peer: LinePeer, format: string, tokens: number, runs: number): Promise<number> {
  const orders = REPACKED.includes(format) ? ["", " repacked"] : [""];
  return fastestOf(peer, orders.map((order) => `${format} ${tokens}${order}`), runs);
}

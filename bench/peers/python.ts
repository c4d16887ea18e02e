/** A peer in Python. `PEERS_PYTHON` names the interpreter. */
import { join } from "node:path";
import { type LinePeer, openLinePeer } from "./line-peer.ts";

/** Starts `bench/peers/<script>`, or says why it cannot. */
export async function openPython(script: string, threads: number, ...more: string[]): Promise<LinePeer | string> {
  return openLinePeer(process.env.PEERS_PYTHON ?? "python3", [join(process.cwd(), "bench/peers", script), String(threads), ...more]);
}

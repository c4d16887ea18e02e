/** node-llama-cpp's public streaming API. `NODE_LLAMA_CPP` names a folder in whose node_modules it is. */
import { join } from "node:path";
import { type LinePeer, openLinePeer } from "./line-peer.ts";

/** Opens a file, or says why it cannot. */
export async function openNodeLlamaCpp(path: string, { threads, contextSize }: { threads: number; contextSize: number }): Promise<LinePeer | string> {
  const folder = process.env.NODE_LLAMA_CPP;
  if (!folder) return "NODE_LLAMA_CPP names no folder with node_modules/node-llama-cpp";
  return openLinePeer(process.execPath, [join(process.cwd(), "bench/peers/node-llama-cpp.mjs"), folder, path, String(threads), String(contextSize)]);
}

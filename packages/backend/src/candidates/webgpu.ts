import { activate } from "../activate.js";
import { orNotInstalled } from "../optional-import.js";
import { findAdapter } from "../webgpu-adapter.js";
import type { Candidate } from "../types.js";

/** GPUs of all vendors: in browsers, and in Node through the `webgpu` package (Dawn). */
export const webgpu: Candidate = {
  name: "webgpu",
  tfjsName: "webgpu",
  install: "npm install @tensorflow/tfjs-backend-webgpu, in Node also webgpu; it needs a GPU with a Vulkan, Metal or Direct3D 12 driver.",
  start: async ({ named }) => {
    const adapter = await findAdapter();
    const device = adapter.info.description || [adapter.info.vendor, adapter.info.architecture].filter(Boolean).join(" ");
    if (adapter.software && !named) throw new Error(`its only adapter (${device}) computes on the CPU, slower than the other backends`);
    // eslint-disable-next-line @typescript-eslint/ban-ts-comment -- the package is only there where somebody installed it
    // @ts-ignore
    await import("@tensorflow/tfjs-backend-webgpu").catch(orNotInstalled("@tensorflow/tfjs-backend-webgpu"));
    await activate("webgpu");
    return { device };
  },
};

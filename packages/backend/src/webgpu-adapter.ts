import { nodeImport } from "./optional-import.js";
import { isNode } from "./runtime.js";

/** What is used of a `GPUAdapter`; its type needs DOM declarations that users of Node may not have. */
export interface Adapter {
  readonly info: { readonly vendor: string; readonly architecture: string; readonly description: string };
  /** True if a program plays the GPU. */
  readonly software: boolean;
}

interface Gpu {
  requestAdapter(): Promise<(Pick<Adapter, "info"> & { readonly info: { readonly isFallbackAdapter?: boolean } }) | null>;
}

/** What is used of the `webgpu` package. */
interface Dawn {
  create(flags: string[]): Gpu;
  readonly globals: Record<string, unknown>;
}

/** `navigator.gpu`, which Node does not have by itself. */
const browserGpu = (): Gpu | undefined => (globalThis as { navigator?: { gpu?: Gpu } }).navigator?.gpu;

/**
 * The adapter that TensorFlow.js will find at `navigator.gpu`. In Node the `webgpu` package is put there, if it has one.
 * @throws Error if there is none.
 */
export async function findAdapter(): Promise<Adapter> {
  const dawn = !browserGpu() && isNode() ? await nodeImport<Dawn>("webgpu") : undefined;
  const gpu = dawn ? dawn.create([]) : browserGpu();
  if (!gpu) throw new Error("this browser has no WebGPU");
  const adapter = await gpu.requestAdapter();
  if (!adapter) throw new Error("no GPU with a driver for WebGPU was found");
  if (dawn) install(gpu, dawn.globals);
  return { info: adapter.info, software: adapter.info.isFallbackAdapter ?? false };
}

/** Makes Node look like a browser that has WebGPU, as far as TensorFlow.js looks. */
function install(gpu: Gpu, globals: Dawn["globals"]): void {
  for (const [name, value] of Object.entries(globals)) if (!(name in globalThis)) Object.assign(globalThis, { [name]: value });
  const { navigator } = globalThis as { navigator?: object };
  if (navigator) Object.defineProperty(navigator, "gpu", { value: gpu, configurable: true });
  else Object.defineProperty(globalThis, "navigator", { value: { gpu, userAgent: `Node.js/${process.versions.node}` }, configurable: true });
}

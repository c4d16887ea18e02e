import type { OpKernels } from "../kernel.js";

/** Low-rank updates by adapter; their gradients are grouped products. x `[N, I]`, a `[E, R, I]`, b `[E, O, R]`. */
export const segmentedLoraKernels: OpKernels = {
  MoekitSegmentedLora: ({ backend, native }, { x, a, b, offsets }, { scale }) => {
    const [N, I] = x!.shape as [number, number];
    const [E, O, R] = b!.shape as [number, number, number];
    const y = backend.allocate([N, O]);
    native.segmentedLora!(backend.floats(x!), backend.floats(a!), backend.floats(b!), backend.ints(offsets!), backend.floats(y), N, E, R, I, O, scale as number);
    return [y];
  },
};

import type { TensorInfo } from "@tensorflow/tfjs";
import type { OpKernels } from "../kernel.js";

/** groupedMatmul, its two backward forms and the sum of rows by expert. Offsets `[E + 1]`, N rows, banks `[E, O, I]`. */
export const groupedMatmulKernels: OpKernels = {
  MoekitGroupedMatmul: ({ backend, native }, { x, w, offsets, bias }) => {
    const [N, O] = [x!.shape[0]!, w!.shape[1]!];
    const y = backend.allocate([N, O]);
    native.groupedMatmul!(backend.floats(x!), backend.floats(w!), backend.ints(offsets!), backend.floats(y), N, ...w!.shape, bias && backend.floats(bias));
    return [y];
  },

  MoekitGroupedMatmulInput: ({ backend, native }, { dy, w, offsets }) => {
    const [N, I] = [dy!.shape[0]!, w!.shape[2]!];
    const dx = backend.allocate([N, I]);
    native.groupedMatmulInput!(backend.floats(dy!), backend.floats(w!), backend.ints(offsets!), backend.floats(dx), N, ...w!.shape);
    return [dx];
  },

  MoekitGroupedMatmulWeight: ({ backend, native }, { dy, x, offsets }) => {
    const N = dy!.shape[0]!;
    const dw = backend.allocate([expertsOf(offsets!), dy!.shape[1]!, x!.shape[1]!]);
    native.groupedMatmulWeight!(backend.floats(dy!), backend.floats(x!), backend.ints(offsets!), backend.floats(dw), N, ...dw.shape);
    return [dw];
  },

  MoekitGroupedSum: ({ backend, native }, { x, offsets }) => {
    const [N, D] = x!.shape as [number, number];
    const y = backend.allocate([expertsOf(offsets!), D]);
    native.groupedSum!(backend.floats(x!), backend.ints(offsets!), backend.floats(y), N, ...y.shape);
    return [y];
  },
};

const expertsOf = (offsets: TensorInfo): number => offsets.shape[0]! - 1;

import { type OpKernels, sizeOf } from "../kernel.js";

/** Choosing experts, sorting the choice, and moving rows. T tokens, E experts, K slots, N = T·K, D width. */
export const routingKernels: OpKernels = {
  MoekitTopK: ({ backend, native }, { scores }, { k }) => {
    const [T, E] = scores!.shape as [number, number];
    const [values, ids] = [backend.allocate([T, k as number]), backend.allocate([T, k as number], "int32")];
    native.topK!(backend.floats(scores!), backend.floats(values), backend.ints(ids), T, E, k as number);
    return [values, ids];
  },

  MoekitSortByExpert: ({ backend, native }, { expertIds }, { numExperts }) => {
    const [N, E] = [sizeOf(expertIds!.shape), numExperts as number];
    const outputs = [N, N, E + 1].map((size) => backend.allocate([size], "int32"));
    native.sortByExpert!(backend.ints(expertIds!), ...outputs.map((tensor) => backend.ints(tensor)), N, E);
    return outputs;
  },

  MoekitDispatch: ({ backend, native }, { x, order }, { slotsPerToken }) => {
    const [N, D] = [order!.shape[0]!, x!.shape[1]!];
    const y = backend.allocate([N, D]);
    native.dispatch!(backend.floats(x!), backend.ints(order!), backend.floats(y), N, slotsPerToken as number, D);
    return [y];
  },

  MoekitDispatchGrad: ({ backend, native }, { dy, inverse }, { slotsPerToken }) => {
    const K = slotsPerToken as number;
    const [N, D] = dy!.shape as [number, number];
    const dx = backend.allocate([N / K, D]);
    native.dispatchGrad!(backend.floats(dy!), backend.ints(inverse!), backend.floats(dx), N / K, K, D);
    return [dx];
  },

  MoekitCombine: ({ backend, native }, { y, gates, inverse }) => {
    const [[T, K], D] = [gates!.shape as [number, number], y!.shape[1]!];
    const out = backend.allocate([T, D]);
    native.combine!(backend.floats(y!), backend.floats(gates!), backend.ints(inverse!), backend.floats(out), T, K, D);
    return [out];
  },

  MoekitCombineGrad: ({ backend, native }, { y, gates, inverse, dy }) => {
    const [[T, K], D] = [gates!.shape as [number, number], y!.shape[1]!];
    const [dRows, dGates] = [backend.allocate(y!.shape), backend.allocate(gates!.shape)];
    native.combineGrad!(backend.floats(y!), backend.floats(gates!), backend.ints(inverse!), backend.floats(dy!), backend.floats(dRows), backend.floats(dGates), T, K, D);
    return [dRows, dGates];
  },

  MoekitGatherRows: ({ backend, native }, { x, ids }) => {
    const [[R, D], N] = [x!.shape as [number, number], ids!.shape[0]!];
    const y = backend.allocate([N, D]);
    native.gatherRows!(backend.floats(x!), backend.ints(ids!), backend.floats(y), R, N, D);
    return [y];
  },

  MoekitScatterRows: ({ backend, native }, { y, ids }, { numRows }) => {
    const [N, D] = y!.shape as [number, number];
    const x = backend.allocate([numRows as number, D]);
    native.scatterRows!(backend.floats(y!), backend.ints(ids!), backend.floats(x), numRows as number, N, D);
    return [x];
  },
};

import type { JsKernels } from "../kernel.js";
import { dot } from "../math/products.js";
import { addRow, copyRow, scaleRow } from "../math/rows.js";

/**
 * Moving rows to the experts and back. T tokens, K slots, N = T·K sorted rows, D width; `order[n]` is the slot of row n,
 * `inverse[slot]` its row.
 */
export const dispatchKernels: JsKernels = {
  MoekitDispatch: (host, { x, order }, { slotsPerToken }) => {
    const K = slotsPerToken as number;
    const [N, D] = [order!.shape[0]!, x!.shape[1]!];
    const y = host.allocate([N, D]);
    const [from, to, slots] = [host.floats(x!), host.floats(y), host.ints(order!)];
    for (let n = 0; n < N; n++) copyRow(from, Math.floor(slots[n]! / K) * D, to, n * D, D);
    return [y];
  },

  MoekitDispatchGrad: (host, { dy, inverse }, { slotsPerToken }) => {
    const K = slotsPerToken as number;
    const [N, D] = dy!.shape as [number, number];
    const dx = host.allocate([N / K, D]);
    const [from, to, rows] = [host.floats(dy!), host.floats(dx), host.ints(inverse!)];
    to.fill(0);
    for (let slot = 0; slot < N; slot++) addRow(from, rows[slot]! * D, 1, to, Math.floor(slot / K) * D, D);
    return [dx];
  },

  MoekitCombine: (host, { y, gates, inverse }) => {
    const [T, K] = gates!.shape as [number, number];
    const D = y!.shape[1]!;
    const out = host.allocate([T, D]);
    const [from, to, weights, rows] = [host.floats(y!), host.floats(out), host.floats(gates!), host.ints(inverse!)];
    to.fill(0);
    for (let slot = 0; slot < T * K; slot++) addRow(from, rows[slot]! * D, weights[slot]!, to, Math.floor(slot / K) * D, D);
    return [out];
  },

  MoekitCombineGrad: (host, { y, gates, inverse, dy }) => {
    const [T, K] = gates!.shape as [number, number];
    const D = y!.shape[1]!;
    const [dRows, dGates] = [host.allocate(y!.shape), host.allocate(gates!.shape)];
    const [y_ND, dy_TD, rows] = [host.floats(y!), host.floats(dy!), host.ints(inverse!)];
    const [gates_TK, dRows_ND, dGates_TK] = [gates!, dRows, dGates].map((tensor) => host.floats(tensor)) as [Float32Array, Float32Array, Float32Array];
    for (let slot = 0; slot < T * K; slot++) {
      const [row, token] = [rows[slot]! * D, Math.floor(slot / K) * D];
      scaleRow(dy_TD, token, gates_TK[slot]!, dRows_ND, row, D);
      dGates_TK[slot] = dot(y_ND, row, dy_TD, token, D);
    }
    return [dRows, dGates];
  },
};

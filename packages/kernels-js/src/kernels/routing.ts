import type { JsKernels } from "../kernel.js";

/** Choosing experts and sorting the choice. T tokens, E experts, K slots, N = T·K. */
export const routingKernels: JsKernels = {
  MoekitTopK: (host, { scores }, { k }) => {
    const [T, E] = scores!.shape as [number, number];
    const K = k as number;
    const [values, ids] = [host.allocate([T, K]), host.allocate([T, K], "int32")];
    const [scores_TE, values_TK, ids_TK] = [host.floats(scores!), host.floats(values), host.ints(ids)];
    for (let t = 0; t < T; t++) bestOfRow(scores_TE, t * E, E, values_TK, ids_TK, t * K, K);
    return [values, ids];
  },

  MoekitSortByExpert: (host, { expertIds }, { numExperts }) => {
    const E = numExperts as number;
    const N = expertIds!.shape[0]! * expertIds!.shape[1]!;
    const outputs = [N, N, E + 1].map((size) => host.allocate([size], "int32"));
    const [order, inverse, offsets] = outputs.map((tensor) => host.ints(tensor)) as [Int32Array, Int32Array, Int32Array];
    countingSort(host.ints(expertIds!), E, order, inverse, offsets);
    return outputs;
  },
};

/** Inserts each score into the sorted list of the best K; equal scores stay behind the earlier ones. */
function bestOfRow(scores: Float32Array, row: number, E: number, values: Float32Array, ids: Int32Array, out: number, K: number): void {
  for (let e = 0; e < E; e++) {
    const score = scores[row + e]!;
    let place = out + Math.min(e, K);
    for (; place > out && values[place - 1]! < score; place--) {
      if (place === out + K) continue;
      values[place] = values[place - 1]!;
      ids[place] = ids[place - 1]!;
    }
    if (place === out + K) continue;
    values[place] = score;
    ids[place] = e;
  }
}

function countingSort(ids: Int32Array, E: number, order: Int32Array, inverse: Int32Array, offsets: Int32Array): void {
  // One bucket more than experts: the last one takes the empty slots.
  const next = new Int32Array(E + 2);
  for (const id of ids) next[(id < 0 ? E : id) + 1]!++;
  for (let e = 0; e <= E; e++) next[e + 1]! += next[e]!;
  offsets.set(next.subarray(0, E + 1));
  for (let slot = 0; slot < ids.length; slot++) {
    const id = ids[slot]!;
    const row = next[id < 0 ? E : id]!++;
    inverse[slot] = row;
    order[row] = slot;
  }
}

/**
 * Attention as products of matrices by head: scores of a block of queries, softmax in place, values.
 *
 * The R = H / G query heads that share a key head are stacked into one matrix of `R * queries` rows. Keys that no query of
 * the block may see are left out, which skips most of the upper triangle of long sequences. B batch, S query length, L key
 * length, H query heads, G key heads, d and e widths of keys and values; r rows of a block, n keys of a block.
 */
import { floatsOf, type HostTensors, type Matrix, rowsFrom, type TensorInfo, withScratch } from "../host-tensors.js";
import type { JsKernels, KernelAttrs, KernelInputs } from "../kernel.js";
import { gatherHeads, type HeadRows, scatterHeads } from "../math/heads.js";
import { type Band, maskedSoftmax, maskedSoftmaxGradient, type Sinks } from "../math/masked-softmax.js";
import { multiplyByTransposed, multiplyTransposed } from "../math/products.js";
import { addRow } from "../math/rows.js";

/** Queries of a block; shorter sequences are one block. */
const BLOCK = 128;

export const attentionKernels: JsKernels = {
  MoekitAttention: (host, inputs, attrs) => {
    const { q, k, v } = inputs;
    const y = host.allocate([...q!.shape.slice(0, 3), v!.shape[3]!]);
    forEachGroup(inputs, (group) =>
      withKeysAndValues(host, k!, v!, group, (K_Ld, V_Le) => {
        for (const block of blocksOf(inputs, attrs, group)) attend(host, inputs, attrs, block, K_Ld, V_Le, y);
      }),
    );
    return [y];
  },

  MoekitAttentionGrad: (host, inputs, attrs) => {
    const grads = [inputs.q!, inputs.k!, inputs.v!].map(({ shape }) => host.allocate(shape)) as [TensorInfo, TensorInfo, TensorInfo];
    const sinkGradients = new Float64Array(inputs.q!.shape[2]!);
    forEachGroup(inputs, (group) => backwardGroup(host, inputs, attrs, group, grads, sinkGradients));
    if (!inputs.sinks) return grads;
    const dSinks = host.allocate(inputs.sinks.shape);
    host.floats(dSinks).set(sinkGradients);
    return [...grads, dSinks];
  },
};

/** One key head of one sequence with its R query heads. */
interface Group {
  readonly batch: number;
  readonly keyHead: number;
  readonly firstHead: number;
  readonly heads: number;
}

/** A block of queries of a group and the keys that they see. */
interface Block {
  readonly queries: HeadRows;
  readonly firstKey: number;
  readonly keys: number;
  readonly band: Band;
}

function forEachGroup({ q, k }: KernelInputs, visit: (group: Group) => void): void {
  const [B, , H] = q!.shape as [number, number, number];
  const G = k!.shape[2]!;
  const heads = H / G;
  for (let batch = 0; batch < B; batch++) {
    for (let keyHead = 0; keyHead < G; keyHead++) visit({ batch, keyHead, firstHead: keyHead * heads, heads });
  }
}

function blocksOf({ q, k }: KernelInputs, { causal, window }: KernelAttrs, { batch, firstHead, heads }: Group): Block[] {
  const [S, L] = [q!.shape[1]!, k!.shape[1]!];
  return Array.from({ length: Math.ceil(S / BLOCK) }, (_, index) => {
    const firstRow = index * BLOCK;
    const rows = Math.min(BLOCK, S - firstRow);
    const position = L - S + firstRow;
    const firstKey = window === undefined ? 0 : Math.max(0, position - (window as number) + 1);
    const lastKey = causal ? position + rows : L;
    const left = window === undefined ? -Infinity : position - (window as number) + 1 - firstKey;
    const right = causal ? position + 1 - firstKey : Infinity;
    return { queries: { batch, firstHead, heads, firstRow, rows }, firstKey, keys: lastKey - firstKey, band: { queries: rows, left, right } };
  });
}

/** Rows of one key head, all L of them. */
const keyRows = ({ batch, keyHead }: Group, L: number): HeadRows => ({ batch, firstHead: keyHead, heads: 1, firstRow: 0, rows: L });

function withKeysAndValues(host: HostTensors, k: TensorInfo, v: TensorInfo, group: Group, use: (K_Ld: Matrix, V_Le: Matrix) => void): void {
  const [L, d, e] = [k.shape[1]!, k.shape[3]!, v.shape[3]!];
  withScratch(host, [[L, d], [L, e]], (K_Ld, V_Le) => {
    gatherHeads(host, k, keyRows(group, L), K_Ld);
    gatherHeads(host, v, keyRows(group, L), V_Le);
    use(K_Ld, V_Le);
  });
}

function attend(host: HostTensors, inputs: KernelInputs, attrs: KernelAttrs, block: Block, K_Ld: Matrix, V_Le: Matrix, y: TensorInfo): void {
  const { queries, firstKey, keys } = block;
  const r = queries.heads * queries.rows;
  withScratch(host, [[r, K_Ld.columns], [r, keys], [r, V_Le.columns]], (Q_rd, probs_rn, y_re) => {
    probabilities(host, inputs, attrs, block, K_Ld, Q_rd, probs_rn);
    host.multiply(probs_rn, rowsFrom(V_Le, firstKey, keys), y_re);
    scatterHeads(host, y_re, y, queries);
  });
}

/** Fills in the scaled queries and the probabilities of a block. */
function probabilities(host: HostTensors, { q, sinks }: KernelInputs, { scale }: KernelAttrs, block: Block, K_Ld: Matrix, Q_rd: Matrix, probs_rn: Matrix): Sinks | undefined {
  const { queries, firstKey, keys, band } = block;
  gatherHeads(host, q!, queries, Q_rd, scale as number);
  multiplyByTransposed(host, Q_rd, rowsFrom(K_Ld, firstKey, keys), probs_rn);
  const { firstHead, heads, rows } = queries;
  const blockSinks = sinks && { logits: host.floats(sinks).subarray(firstHead, firstHead + heads), shares: new Float64Array(heads * rows) };
  maskedSoftmax(floatsOf(host, probs_rn), keys, band, blockSinks);
  return blockSinks;
}

function backwardGroup(host: HostTensors, inputs: KernelInputs, attrs: KernelAttrs, group: Group, [dq, dk, dv]: [TensorInfo, TensorInfo, TensorInfo], sinkGradients: Float64Array): void {
  const { k, v } = inputs;
  const [L, d, e] = [k!.shape[1]!, k!.shape[3]!, v!.shape[3]!];
  withKeysAndValues(host, k!, v!, group, (K_Ld, V_Le) =>
    withScratch(host, [[L, d], [L, e]], (dK_Ld, dV_Le) => {
      for (const sums of [dK_Ld, dV_Le]) floatsOf(host, sums).fill(0);
      for (const block of blocksOf(inputs, attrs, group)) {
        backwardBlock(host, inputs, attrs, block, { K_Ld, V_Le, dK_Ld, dV_Le, dq, sinkGradients });
      }
      scatterHeads(host, dK_Ld, dk, keyRows(group, L));
      scatterHeads(host, dV_Le, dv, keyRows(group, L));
    }),
  );
}

interface GroupState {
  readonly K_Ld: Matrix;
  readonly V_Le: Matrix;
  readonly dK_Ld: Matrix;
  readonly dV_Le: Matrix;
  readonly dq: TensorInfo;
  readonly sinkGradients: Float64Array;
}

/** With P the probabilities: `dV = P^T dy`, `dP = dy V^T`, `dS = P (dP - sum of P dP)`, `dQ = dS K`, `dK = dS^T Q`. */
function backwardBlock(host: HostTensors, inputs: KernelInputs, attrs: KernelAttrs, block: Block, { K_Ld, V_Le, dK_Ld, dV_Le, dq, sinkGradients }: GroupState): void {
  const { queries, firstKey, keys, band } = block;
  const r = queries.heads * queries.rows;
  const [d, e] = [K_Ld.columns, V_Le.columns];
  withScratch(host, [[r, d], [r, e], [r, keys], [r, keys], [keys, d], [keys, e]], (Q_rd, dy_re, probs_rn, dProbs_rn, dK_nd, dV_ne) => {
    const sinks = probabilities(host, inputs, attrs, block, K_Ld, Q_rd, probs_rn);
    gatherHeads(host, inputs.dy!, queries, dy_re);
    multiplyTransposed(host, probs_rn, dy_re, dV_ne);
    addTo(host, dV_ne, rowsFrom(dV_Le, firstKey, keys));
    multiplyByTransposed(host, dy_re, rowsFrom(V_Le, firstKey, keys), dProbs_rn);
    const headGradients = sinkGradients.subarray(queries.firstHead);
    maskedSoftmaxGradient(floatsOf(host, probs_rn), floatsOf(host, dProbs_rn), keys, band, sinks, headGradients);
    multiplyTransposed(host, dProbs_rn, Q_rd, dK_nd);
    addTo(host, dK_nd, rowsFrom(dK_Ld, firstKey, keys));
    host.multiply(dProbs_rn, rowsFrom(K_Ld, firstKey, keys), Q_rd);
    scatterHeads(host, Q_rd, dq, queries, attrs.scale as number);
  });
}

function addTo(host: HostTensors, x: Matrix, sum: Matrix): void {
  addRow(floatsOf(host, x), 0, 1, floatsOf(host, sum), 0, x.rows * x.columns);
}

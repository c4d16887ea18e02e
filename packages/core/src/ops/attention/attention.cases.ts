import { given, host } from "../host-loops.js";
import { type HostArray, type HostInputs, type OpCase, uniform } from "../op-case.js";
import { attentionOp } from "./attention.js";
import type { AttentionAttrs } from "./attention-reference.js";

interface Sizes {
  readonly B?: number;
  readonly S: number;
  readonly L?: number;
  readonly H?: number;
  readonly G?: number;
  readonly d?: number;
  readonly e?: number;
}

function attentionCase(name: string, { B = 1, S, L = S, H = 1, G = H, d = 3, e = d }: Sizes, { causal = true, window, sinks = false, ...extra }: Partial<OpCase & AttentionAttrs> & { sinks?: boolean } = {}): OpCase {
  const attrs: AttentionAttrs = { causal, scale: d ** -0.5, window };
  return {
    name: `attention: ${name}`,
    op: attentionOp,
    inputs: () => ({
      q: uniform([B, S, H, d], 1, 2),
      k: uniform([B, L, G, d], 2, 2),
      v: uniform([B, L, G, e], 3),
      ...(sinks && { sinks: uniform([H], 4, 2) }),
    }),
    attrs,
    reference: (inputs) => [attendByLoop(inputs, attrs)],
    differentiable: ["q", "k", "v", ...(sinks ? ["sinks"] : [])],
    ...extra,
  };
}

export const attentionCases: OpCase[] = [
  attentionCase("no queries", { S: 0, L: 3, H: 2 }),
  attentionCase("one token, all sizes one", { S: 1, d: 1 }),
  attentionCase("causal, prime sizes", { B: 2, S: 7, H: 3, d: 5 }),
  attentionCase("values of another width", { S: 5, H: 2, d: 3, e: 4 }),
  attentionCase("six heads on two heads of keys", { B: 2, S: 5, H: 6, G: 2 }),
  attentionCase("every query sees every key", { S: 3, L: 5, H: 2 }, { causal: false }),
  attentionCase("fewer keys than queries, not causal", { S: 5, L: 2 }, { causal: false }),
  attentionCase("one new token after a cache of six", { B: 2, S: 1, L: 7, H: 4, G: 2 }),
  attentionCase("three new tokens after a cache of four", { S: 3, L: 7, H: 2 }),
  attentionCase("a window of one sees itself alone", { S: 4 }, { window: 1 }),
  attentionCase("a window of three", { B: 2, S: 8, H: 2 }, { window: 3 }),
  attentionCase("a window of three after a cache", { S: 2, L: 7, H: 2 }, { window: 3 }),
  attentionCase("a window without causality hides far keys behind only", { S: 6 }, { window: 2, causal: false }),
  attentionCase("sinks", { B: 2, S: 5, H: 4, G: 2 }, { sinks: true }),
  attentionCase("sinks and a window", { S: 7, H: 2, G: 1 }, { sinks: true, window: 2 }),
  // Longer than a block of queries in kernels that work by blocks; gradients by differences would take too long.
  attentionCase("longer than a block", { S: 150, H: 2, G: 1, d: 4 }, { window: 131, differentiable: [] }),
  attentionCase("4 x 128 tokens, 8 heads of 64 on 4", { B: 4, S: 128, H: 8, G: 4, d: 64 }, { differentiable: [], bench: { flops: 4 * 4 * 8 * 128 * 128 * 64 } }),
];

function attendByLoop(inputs: HostInputs, { causal, scale, window = Infinity }: AttentionAttrs): HostArray {
  const [q, k, v] = [given(inputs.q), given(inputs.k), given(inputs.v)];
  const [B, S, H, d] = q.shape as [number, number, number, number];
  const [, L, G, e] = v.shape as [number, number, number, number];
  const y = host([B, S, H, e]);
  for (let b = 0; b < B; b++)
    for (let s = 0; s < S; s++)
      for (let h = 0; h < H; h++) {
        const g = Math.floor(h / (H / G));
        const position = L - S + s;
        const seen = Array.from({ length: L }, (_, l) => l).filter((l) => (!causal || l <= position) && position - l < window);
        const scores = seen.map((l) => scale * dot(q.data, ((b * S + s) * H + h) * d, k.data, ((b * L + l) * G + g) * d, d));
        const weights = softmax(scores, inputs.sinks?.data[h]);
        seen.forEach((l, i) => {
          for (let c = 0; c < e; c++) y.data[((b * S + s) * H + h) * e + c]! += weights[i]! * v.data[((b * L + l) * G + g) * e + c]!;
        });
      }
  return y;
}

function softmax(scores: number[], sink?: number): number[] {
  const max = Math.max(...scores, sink ?? -Infinity);
  const total = scores.reduce((sum, score) => sum + Math.exp(score - max), sink === undefined ? 0 : Math.exp(sink - max));
  return scores.map((score) => Math.exp(score - max) / total);
}

function dot(a: Float64Array, i: number, b: Float64Array, j: number, length: number): number {
  let sum = 0;
  for (let c = 0; c < length; c++) sum += a[i + c]! * b[j + c]!;
  return sum;
}

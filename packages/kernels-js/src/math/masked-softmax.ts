import { exp } from "./exp.js";

/** Which columns a row may see: row r stands for query `i = r % queries`, which sees columns `i + left` to `i + right - 1`. */
export interface Band {
  readonly queries: number;
  readonly left: number;
  readonly right: number;
}

/** Probability kept by the sink of each row; the sink itself is one extra logit per head, i.e. per `queries` rows. */
export interface Sinks {
  readonly logits: Float32Array;
  readonly shares: Float64Array;
}

/** Softmax of each row over the columns that it may see, in place; the others become 0. */
export function maskedSoftmax(scores: Float32Array, columns: number, band: Band, sinks?: Sinks): void {
  for (let row = 0, start = 0; start < scores.length; row++, start += columns) {
    const [from, to] = visible(row, start, columns, band);
    const sink = sinks ? sinks.logits[Math.floor(row / band.queries)]! : -Infinity;
    const share = softmaxRun(scores, from, to, sink);
    if (sinks) sinks.shares[row] = share;
    scores.fill(0, start, from);
    scores.fill(0, to, start + columns);
  }
}

/**
 * Gradient of the scores from the gradient of the probabilities, in place: `d = p (d - sum of p d)`.
 *
 * @param sinkGradients - Gets the gradient of each head's sink added: `-share * sum of p d` over its rows.
 */
export function maskedSoftmaxGradient(probs: Float32Array, grads: Float32Array, columns: number, band: Band, sinks?: Sinks, sinkGradients?: Float64Array): void {
  for (let row = 0, start = 0; start < probs.length; row++, start += columns) {
    const [from, to] = visible(row, start, columns, band);
    let mean = 0;
    for (let c = from; c < to; c++) mean += probs[c]! * grads[c]!;
    for (let c = from; c < to; c++) grads[c] = probs[c]! * (grads[c]! - mean);
    grads.fill(0, start, from);
    grads.fill(0, to, start + columns);
    if (sinks && sinkGradients) sinkGradients[Math.floor(row / band.queries)]! -= sinks.shares[row]! * mean;
  }
}

/** Positions of the first visible column of a row and of the one after the last. */
function visible(row: number, start: number, columns: number, { queries, left, right }: Band): [from: number, to: number] {
  const i = row % queries;
  const from = Math.min(columns, Math.max(0, i + left));
  return [start + from, start + Math.max(from, Math.min(columns, i + right))];
}

/** Returns the share of the sink; without one its logit is minus infinity and its share 0. */
function softmaxRun(x: Float32Array, from: number, to: number, sink: number): number {
  let max = sink;
  for (let c = from; c < to; c++) if (x[c]! > max) max = x[c]!;
  const sinkTerm = sink === -Infinity ? 0 : exp(sink - max);
  let sum = sinkTerm;
  for (let c = from; c < to; c++) {
    const e = exp(x[c]! - max);
    x[c] = e;
    sum += e;
  }
  const factor = 1 / sum;
  for (let c = from; c < to; c++) x[c]! *= factor;
  return sinkTerm * factor;
}

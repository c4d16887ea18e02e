import type { TensorInfo } from "@tensorflow/tfjs";
import { sizeOf } from "../kernel.js";

/** How two arrays are walked to make a third. */
export interface Broadcast {
  readonly shape: number[];
  /** Rank, sizes, strides of a, strides of b: the last arguments of a kernel with two inputs. */
  readonly numbers: readonly number[];
}

/** Axes that the kernels can walk. */
export const MAX_RANK = 8;

/** Undefined where the shapes do not fit or have too many axes; tfjs then says so or computes it. */
export function broadcast({ shape: a }: TensorInfo, { shape: b }: TensorInfo): Broadcast | undefined {
  if (sameShape(a, b)) return { shape: a, numbers: [1, sizeOf(a), 1, 1] };
  if (b.length === 0) return { shape: a, numbers: [1, sizeOf(a), 1, 0] };
  if (a.length === 0) return { shape: b, numbers: [1, sizeOf(b), 0, 1] };
  return walkTogether(a, b);
}

function walkTogether(a: readonly number[], b: readonly number[]): Broadcast | undefined {
  const rank = Math.max(a.length, b.length);
  const shape = new Array<number>(rank);
  const [aStrides, bStrides] = [new Array<number>(rank), new Array<number>(rank)];
  let [aStride, bStride] = [1, 1];
  for (let axis = rank - 1; axis >= 0; axis--) {
    const [p, q] = [a[axis - rank + a.length] ?? 1, b[axis - rank + b.length] ?? 1];
    if (p !== q && p !== 1 && q !== 1) return undefined;
    shape[axis] = p === 1 ? q : p;
    aStrides[axis] = p === 1 ? 0 : aStride;
    bStrides[axis] = q === 1 ? 0 : bStride;
    aStride *= p;
    bStride *= q;
  }
  return rank > MAX_RANK ? undefined : { shape, numbers: [rank, ...shape, ...aStrides, ...bStrides] };
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  for (let axis = 0; axis < a.length; axis++) if (a[axis] !== b[axis]) return false;
  return true;
}

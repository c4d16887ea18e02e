import { given, groupedLinear, offsetsOf } from "../host-loops.js";
import { type OpCase, uniform } from "../op-case.js";
import { segmentedLoraOp } from "./segmented-lora.js";

interface Sizes {
  readonly counts: readonly number[];
  readonly spare?: number;
  readonly inSize: number;
  readonly rank: number;
  readonly outSize: number;
}

function loraCase(name: string, { counts, spare = 0, inSize, rank, outSize }: Sizes, scale: number, extra: Partial<OpCase> = {}): OpCase {
  const N = counts.reduce((a, b) => a + b, spare);
  return {
    name: `segmentedLora: ${name}`,
    op: segmentedLoraOp,
    inputs: () => ({ x: uniform([N, inSize], 1), a: uniform([counts.length, rank, inSize], 2, Math.sqrt(3 / inSize)), b: uniform([counts.length, outSize, rank], 3), offsets: offsetsOf(counts) }),
    attrs: { scale },
    reference: ({ x, a, b, offsets }) => {
      const low = groupedLinear(given(x), given(a), given(offsets));
      return [groupedLinear(low, given(b), given(offsets), undefined, scale)];
    },
    differentiable: ["x", "a", "b"],
    ...extra,
  };
}

export const segmentedLoraCases: OpCase[] = [
  loraCase("no rows", { counts: [0, 0], inSize: 3, rank: 2, outSize: 5 }, 1),
  loraCase("one row, all sizes one", { counts: [1], inSize: 1, rank: 1, outSize: 1 }, 2),
  loraCase("prime sizes, an adapter without rows, rows of no adapter", { counts: [3, 0, 5, 1], spare: 2, inSize: 7, rank: 3, outSize: 5 }, 0.5),
  loraCase("one adapter gets all", { counts: [0, 11, 0], inSize: 5, rank: 2, outSize: 3 }, 2),
  loraCase("512 rows, 8 adapters of rank 8, 256 to 256", { counts: new Array<number>(8).fill(64), inSize: 256, rank: 8, outSize: 256 }, 2, {
    differentiable: [],
    bench: { flops: 4 * 512 * 8 * 256 },
  }),
];

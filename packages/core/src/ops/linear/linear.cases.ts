import { given, host } from "../host-loops.js";
import { type HostArray, type HostInputs, type OpCase, size, uniform } from "../op-case.js";
import { linearOp } from "./linear.js";

function linearCase(name: string, leading: readonly number[], inSize: number, outSize: number, { bias = false, ...extra }: Partial<OpCase> & { bias?: boolean } = {}): OpCase {
  return {
    name: `linear: ${name}`,
    op: linearOp,
    inputs: () => ({
      x: uniform([...leading, inSize], 1),
      w: uniform([outSize, inSize], 2, Math.sqrt(3 / inSize)),
      ...(bias && { bias: uniform([outSize], 3) }),
    }),
    reference: linearByLoop,
    differentiable: ["x", "w", ...(bias ? ["bias"] : [])],
    ...extra,
  };
}

export const linearCases: OpCase[] = [
  linearCase("no rows", [0], 3, 2, { bias: true }),
  linearCase("all sizes one", [1], 1, 1),
  linearCase("prime sizes with a bias", [11], 7, 5, { bias: true }),
  linearCase("two leading axes", [2, 3], 5, 7),
  linearCase("512 rows, 256 to 512", [512], 256, 512, { differentiable: [], bench: { flops: 2 * 512 * 256 * 512 } }),
];

function linearByLoop(inputs: HostInputs): HostArray[] {
  const [x, w] = [given(inputs.x), given(inputs.w)];
  const [outSize, inSize] = w.shape as [number, number];
  const leading = x.shape.slice(0, -1);
  const y = host([...leading, outSize]);
  for (let n = 0; n < size(leading); n++) {
    for (let o = 0; o < outSize; o++) {
      let sum = inputs.bias?.data[o] ?? 0;
      for (let i = 0; i < inSize; i++) sum += w.data[o * inSize + i]! * x.data[n * inSize + i]!;
      y.data[n * outSize + o] = sum;
    }
  }
  return [y];
}

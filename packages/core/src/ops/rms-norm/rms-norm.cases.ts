import { given, host } from "../host-loops.js";
import { float32, type HostArray, type OpCase, uniform } from "../op-case.js";
import { rmsNormOp } from "./rms-norm.js";

const normCase = (name: string, x: HostArray, extra: Partial<OpCase> = {}): OpCase => ({
  name: `rmsNorm: ${name}`,
  op: rmsNormOp,
  inputs: () => ({ x, weight: uniform([x.shape.at(-1)!], 2) }),
  attrs: { eps: 1e-3 },
  reference: (inputs) => {
    const [from, weight] = [given(inputs.x), given(inputs.weight)];
    const D = weight.data.length;
    const y = host(from.shape);
    for (let row = 0; row < from.data.length; row += D) {
      let squares = 0;
      for (let d = 0; d < D; d++) squares += from.data[row + d]! ** 2;
      for (let d = 0; d < D; d++) y.data[row + d] = (from.data[row + d]! / Math.sqrt(squares / D + 1e-3)) * weight.data[d]!;
    }
    return [y];
  },
  differentiable: ["x", "weight"],
  ...extra,
});

export const rmsNormCases: OpCase[] = [
  normCase("no rows", uniform([0, 3], 1)),
  normCase("width one", uniform([3, 1], 1)),
  normCase("prime sizes", uniform([11, 7], 1)),
  normCase("heads", uniform([2, 3, 2, 5], 1)),
  // eps keeps a row of zeros finite; its gradient there is weight / sqrt(eps).
  normCase("a row of zeros", float32([2, 2], [0, 0, 1, 2])),
  normCase("512 rows of 1024", uniform([512, 1024], 1), { differentiable: [], bench: { flops: 4 * 512 * 1024 } }),
];

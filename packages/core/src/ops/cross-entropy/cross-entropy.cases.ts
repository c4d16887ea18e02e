import { given, host } from "../host-loops.js";
import { float32, type HostArray, int32, type OpCase, uniform } from "../op-case.js";
import { crossEntropyOp } from "./cross-entropy.js";

const lossCase = (name: string, logits: HostArray, targets: readonly number[], extra: Partial<OpCase> = {}): OpCase => ({
  name: `crossEntropy: ${name}`,
  op: crossEntropyOp,
  inputs: () => ({ logits, targets: int32([targets.length], targets) }),
  reference: (inputs) => {
    const [z, target] = [given(inputs.logits), given(inputs.targets)];
    const V = z.shape[1]!;
    return [host([target.data.length], target.data.map((id, t) => (id < 0 ? 0 : logSumExp(z.data.subarray(t * V, (t + 1) * V)) - z.data[t * V + id]!)))];
  },
  differentiable: ["logits"],
  ...extra,
});

export const crossEntropyCases: OpCase[] = [
  lossCase("no rows", uniform([0, 3], 1), []),
  lossCase("one class", uniform([2, 1], 1), [0, 0]),
  lossCase("prime sizes, first and last class, ignored rows", uniform([5, 7], 1, 4), [0, -1, 6, 3, -1]),
  lossCase("all rows ignored", uniform([2, 3], 1), [-1, -1]),
  lossCase("logits far apart", float32([3, 3], [1000, 0, -1000, -1000, -1001, -1002, 88, 89, 90]), [0, 1, 2], { gradientTolerance: 1e-3 }),
  lossCase("512 rows, 2048 classes", uniform([512, 2048], 1, 4), Array.from({ length: 512 }, (_, t) => (t * 37) % 2048), { differentiable: [], bench: { flops: 3 * 512 * 2048 } }),
];

function logSumExp(z: Float64Array): number {
  const max = z.reduce((a, b) => Math.max(a, b), -Infinity);
  return max + Math.log(z.reduce((sum, value) => sum + Math.exp(value - max), 0));
}

import { given, host } from "../host-loops.js";
import { type OpCase, float32, type HostArray, uniform } from "../op-case.js";
import { swigluOp } from "./swiglu.js";

const swigluCase = (name: string, gate: HostArray, up: HostArray, extra: Partial<OpCase> = {}): OpCase => ({
  name: `swiglu: ${name}`,
  op: swigluOp,
  inputs: () => ({ gate, up }),
  reference: (inputs) => {
    const [g, u] = [given(inputs.gate), given(inputs.up)];
    return [host(g.shape, g.data.map((x, i) => (x / (1 + Math.exp(-x))) * u.data[i]!))];
  },
  differentiable: ["gate", "up"],
  ...extra,
});

export const swigluCases: OpCase[] = [
  swigluCase("no elements", uniform([0, 3], 1), uniform([0, 3], 2)),
  swigluCase("a prime number of elements", uniform([7, 5], 1, 3), uniform([7, 5], 2)),
  // exp(-x) overflows float32 below -88: the product must be 0, not NaN.
  swigluCase("large gates", float32([6], [-100, -90, -20, 20, 90, 100]), float32([6], [1, 2, 3, 1, 2, 3]), { gradientTolerance: 1e-3 }),
  swigluCase("512 rows of 1024", uniform([512, 1024], 1), uniform([512, 1024], 2), { differentiable: [], bench: { flops: 5 * 512 * 1024 } }),
];

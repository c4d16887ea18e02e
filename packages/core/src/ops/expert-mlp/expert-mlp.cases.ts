import { given, groupedLinear, host, offsetsOf } from "../host-loops.js";
import { type AnyOp, type HostArray, type HostInputs, type OpCase, uniform } from "../op-case.js";
import type { Activation } from "./activation.js";
import { expertMlpOp, type ExpertMlpInputs, keepingRows } from "./expert-mlp.js";

/** Rows of each expert, rows of none, and widths. */
export interface Sizes {
  readonly counts: readonly number[];
  readonly spare?: number;
  readonly dim: number;
  readonly hidden: number;
}

/** What kind of expert. */
export interface Form {
  readonly activation: Activation;
  readonly gated: boolean;
  readonly bias: boolean;
}

export const SWIGLU: Form = { activation: "silu", gated: true, bias: false };
const ODD: Sizes = { counts: [3, 0, 5, 1], spare: 2, dim: 5, hidden: 7 };

function mlpCase(name: string, { counts, spare = 0, dim, hidden }: Sizes, { activation, gated, bias }: Form): OpCase {
  const E = counts.length;
  const N = counts.reduce((a, b) => a + b, spare);
  // Weights of variance 1 / fan-in, so that outputs are about 1 at every size.
  const inputs = (): HostInputs => ({
    x: uniform([N, dim], 1),
    ...(gated && { gate: uniform([E, hidden, dim], 2, Math.sqrt(3 / dim)) }),
    up: uniform([E, hidden, dim], 3, Math.sqrt(3 / dim)),
    down: uniform([E, dim, hidden], 4, Math.sqrt(3 / hidden)),
    ...(gated && bias && { gateBias: uniform([E, hidden], 5) }),
    ...(bias && { upBias: uniform([E, hidden], 6), downBias: uniform([E, dim], 7) }),
    offsets: offsetsOf(counts),
  });
  const differentiable = Object.keys(inputs()).filter((key) => key !== "offsets");
  return { name: `expertMlp: ${name}`, op: expertMlpOp, inputs, attrs: { activation }, reference: (i) => [mlpByLoop(i, activation)], differentiable };
}

/** The op as it is where rows are kept for the backward pass. */
const keepingOp: AnyOp = { spec: expertMlpOp.spec, run: (inputs: ExpertMlpInputs, { activation }: { activation: Activation }) => [keepingRows(inputs, activation)] };

const keeping = (opCase: OpCase): OpCase => ({ ...opCase, name: `${opCase.name}, rows kept`, op: keepingOp });

export const expertMlpCases: OpCase[] = [
  ...["gate", "no gate"].map((form) => keeping(mlpCase(`no rows, ${form}`, { counts: [0, 0], dim: 3, hidden: 2 }, { ...SWIGLU, gated: form === "gate" }))),
  keeping(mlpCase("SwiGLU, prime sizes, an expert without rows, rows of no expert", ODD, SWIGLU)),
  keeping(mlpCase("gated GELU with biases", ODD, { activation: "gelu", gated: true, bias: true })),
  keeping(mlpCase("ReLU with biases", ODD, { activation: "relu", gated: false, bias: true })),
  keeping(mlpCase("20 rows of one expert, hidden rows in several pieces", { counts: [0, 20], dim: 3, hidden: 133 }, SWIGLU)),
  mlpCase("no rows", { counts: [0, 0], dim: 3, hidden: 2 }, SWIGLU),
  mlpCase("one row, all sizes one", { counts: [1], dim: 1, hidden: 1 }, SWIGLU),
  mlpCase("SwiGLU, prime sizes, an expert without rows, rows of no expert", ODD, SWIGLU),
  mlpCase("SwiGLU with biases", ODD, { ...SWIGLU, bias: true }),
  mlpCase("gated GELU", ODD, { activation: "gelu", gated: true, bias: false }),
  mlpCase("GELU with biases", ODD, { activation: "gelu", gated: false, bias: true }),
  mlpCase("ReLU", ODD, { activation: "relu", gated: false, bias: false }),
  mlpCase("SiLU without a gate", ODD, { activation: "silu", gated: false, bias: false }),
  mlpCase("one expert gets all", { counts: [0, 11, 0], dim: 3, hidden: 5 }, SWIGLU),
  {
    ...mlpCase("1024 rows, 16 experts, 128 to 256", { counts: new Array<number>(16).fill(64), dim: 128, hidden: 256 }, SWIGLU),
    differentiable: [],
    bench: { flops: 6 * 1024 * 128 * 256 },
  },
];

export function mlpByLoop(inputs: HostInputs, activation: Activation): HostArray {
  const [x, offsets] = [given(inputs.x), given(inputs.offsets)];
  const up = groupedLinear(x, given(inputs.up), offsets, inputs.upBias);
  const gate = inputs.gate && groupedLinear(x, inputs.gate, offsets, inputs.gateBias);
  const hidden = host(up.shape, up.data.map((u, i) => (gate ? activate(gate.data[i]!, activation) * u : activate(u, activation))));
  return groupedLinear(hidden, given(inputs.down), offsets, inputs.downBias);
}

function activate(x: number, activation: Activation): number {
  if (activation === "relu") return Math.max(x, 0);
  return activation === "silu" ? x / (1 + Math.exp(-x)) : (x * (1 + erf(x * Math.SQRT1_2))) / 2;
}

/** Maclaurin series; 60 terms are exact to rounding for |x| < 4. */
function erf(x: number): number {
  let [term, sum] = [x, x];
  for (let n = 1; n < 60; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

import type { Rank, Tensor2D, Variable } from "@tensorflow/tfjs";
import { ConfigError } from "../errors.js";
import type { Activation } from "../ops/expert-mlp/activation.js";
import { expertMlp } from "../ops/expert-mlp/expert-mlp.js";
import { constantVariable, weightVariable } from "../random.js";
import type { DispatchPlan, ExpertBank } from "../types.js";

/**
 * Settings of {@link StackedExperts}.
 * @example const options: StackedExpertsOptions = { numExperts: 8, dim: 64, hidden: 128, kind: "gelu", bias: true, seed: 1 };
 */
export interface StackedExpertsOptions {
  readonly numExperts: number;
  /** Model width D. */
  readonly dim: number;
  /** Expert width F. */
  readonly hidden: number;
  /** `swiglu` (default) has three matrices, `gelu` and `relu` two. */
  readonly kind?: ExpertKind;
  /** Default false. */
  readonly bias?: boolean;
  readonly seed: number;
  /** Tells the banks of one seed apart, e.g. the path of the layer. Default `experts`. */
  readonly stream?: string;
  /** Standard deviation of the weights at the start; default 0.02. */
  readonly std?: number;
  /** That of `down`; usually `std / sqrt(2 * layers)`. Default `std`. */
  readonly downStd?: number;
}

/**
 * The form of a feed-forward expert.
 * @example const kind: ExpertKind = "swiglu";
 */
export type ExpertKind = "swiglu" | "gelu" | "relu";

const ACTIVATIONS: Readonly<Record<ExpertKind, Activation>> = { swiglu: "silu", gelu: "gelu", relu: "relu" };

/**
 * Feed-forward experts as stacked tensors, so that one kernel runs them all: `y = down(silu(gate x) * (up x))` for
 * `swiglu`, `y = down(act(up x))` otherwise.
 *
 * Weights are truncated normal (cut at 3 standard deviations), biases 0.
 *
 * @source Shazeer 2020, arXiv:2002.05202, eq. 6 (SwiGLU).
 * @example const experts = new StackedExperts({ numExperts: 8, dim: 64, hidden: 128, seed: 1 });
 */
export class StackedExperts implements ExpertBank {
  readonly kind: ExpertKind;
  /** `[E, F, D]`, only in `swiglu`. */
  readonly gate?: Variable<Rank.R3>;
  /** `[E, F, D]` */
  readonly up: Variable<Rank.R3>;
  /** `[E, D, F]` */
  readonly down: Variable<Rank.R3>;
  /** `[E, F]` */
  readonly gateBias?: Variable<Rank.R2>;
  /** `[E, F]` */
  readonly upBias?: Variable<Rank.R2>;
  /** `[E, D]` */
  readonly downBias?: Variable<Rank.R2>;

  /** @throws ConfigError if a size is not a whole number above 0. */
  constructor(options: StackedExpertsOptions) {
    const { numExperts: E, dim: D, hidden: F, kind = "swiglu", bias = false, seed, stream = "experts", std = 0.02, downStd = std } = options;
    for (const [name, size] of Object.entries({ numExperts: E, dim: D, hidden: F })) {
      if (!Number.isInteger(size) || size < 1) throw new ConfigError(`StackedExperts: ${name} must be a whole number above 0; got ${size}.`);
    }
    this.kind = kind;
    const gated = kind === "swiglu";
    const weight = (name: string, shape: [number, number, number], weightStd: number) => weightVariable(shape, { seed, stream: `${stream}.${name}`, std: weightStd });
    if (gated) this.gate = weight("gate", [E, F, D], std);
    this.up = weight("up", [E, F, D], std);
    this.down = weight("down", [E, D, F], downStd);
    if (bias && gated) this.gateBias = constantVariable([E, F], 0);
    if (bias) this.upBias = constantVariable([E, F], 0);
    if (bias) this.downBias = constantVariable([E, D], 0);
  }

  get numExperts(): number {
    return this.up.shape[0]!;
  }

  /** @param x - `[N, D]` rows sorted by expert. @returns `[N, D]`; rows past the last expert are 0. */
  forward(x: Tensor2D, { offsets }: Pick<DispatchPlan, "offsets">): Tensor2D {
    const { gate, up, down, gateBias, upBias, downBias } = this;
    return expertMlp(x, { gate, up, down, gateBias, upBias, downBias }, offsets, { activation: ACTIVATIONS[this.kind] });
  }
}

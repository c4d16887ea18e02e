import type { Rank, Tensor2D, Variable } from "@tensorflow/tfjs";
import { constantVariable, packedGroupedMatmul, tidy, type DispatchPlan, type ExpertBank } from "@moekit/core";
import type { MoeConfig } from "../config/feed-forward-config.js";
import { clampedSwiglu } from "./clamped-experts.js";
import { PackedWeight } from "./packed-weight.js";

/** The experts of gpt-oss with packed matrices; biases stay variables. */
export class PackedClampedExperts implements ExpertBank {
  /** `[E, F, D]` */
  readonly gate: PackedWeight;
  /** `[E, F, D]` */
  readonly up: PackedWeight;
  /** `[E, D, F]` */
  readonly down: PackedWeight;
  /** `[E, F]` */
  readonly gateBias: Variable<Rank.R2>;
  /** `[E, F]` */
  readonly upBias: Variable<Rank.R2>;
  /** `[E, D]` */
  readonly downBias: Variable<Rank.R2>;

  constructor({ numExperts: E, width: F }: Pick<MoeConfig, "numExperts" | "width">, D: number) {
    this.gate = new PackedWeight([E, F, D]);
    this.up = new PackedWeight([E, F, D]);
    this.down = new PackedWeight([E, D, F]);
    this.gateBias = constantVariable([E, F], 0);
    this.upBias = constantVariable([E, F], 0);
    this.downBias = constantVariable([E, D], 0);
  }

  get numExperts(): number {
    return this.up.shape[0]!;
  }

  /** @param x_ND - `[N, D]` rows sorted by expert. @returns `[N, D]`; rows past the last expert are 0. */
  forward(x_ND: Tensor2D, { offsets }: Pick<DispatchPlan, "offsets">): Tensor2D {
    return tidy(() => {
      const gate_NF = packedGroupedMatmul(x_ND, this.gate.matrix, offsets, this.gateBias);
      const up_NF = packedGroupedMatmul(x_ND, this.up.matrix, offsets, this.upBias);
      return packedGroupedMatmul(clampedSwiglu(gate_NF, up_NF), this.down.matrix, offsets, this.downBias);
    });
  }
}

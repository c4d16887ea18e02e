import type { Rank, Tensor1D, Tensor2D, Variable } from "@tensorflow/tfjs";
import { constantVariable, gatherRows, packedGroupedMatmul, tidy, type DispatchPlan, type ExpertBank, type PackedMatrix } from "@moekit/core";
import type { MoeConfig } from "../config/feed-forward-config.js";
import { clampedSwiglu } from "./clamped-experts.js";
import { ExpertCache } from "./expert-cache.js";
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
  /** Where experts stay in their file. */
  readonly cache?: ExpertCache;

  constructor({ numExperts: E, width: F }: Pick<MoeConfig, "numExperts" | "width">, D: number, { staysInFile = false }: { readonly staysInFile?: boolean } = {}) {
    this.gate = new PackedWeight([E, F, D]);
    this.up = new PackedWeight([E, F, D]);
    this.down = new PackedWeight([E, D, F]);
    this.gateBias = constantVariable([E, F], 0);
    this.upBias = constantVariable([E, F], 0);
    this.downBias = constantVariable([E, D], 0);
    if (staysInFile) this.cache = new ExpertCache([this.gate, this.up, this.down]);
  }

  get numExperts(): number {
    return this.up.shape[0]!;
  }

  /** @param x_ND - `[N, D]` rows sorted by expert. @returns `[N, D]`; rows past the last expert are 0. */
  forward(x_ND: Tensor2D, { offsets }: Pick<DispatchPlan, "offsets">): Tensor2D {
    const biases = [this.gateBias, this.upBias, this.downBias];
    if (!this.cache) return clamped(x_ND, [this.gate.matrix, this.up.matrix, this.down.matrix], biases, offsets);
    return this.cache.forward(x_ND, offsets, (rows_ND, matrices, ends, experts) => clamped(rows_ND, matrices, biases.map((bias) => gatherRows(bias, experts)), ends));
  }
}

function clamped(x_ND: Tensor2D, [gate, up, down]: readonly PackedMatrix[], [gateBias, upBias, downBias]: readonly Tensor2D[], offsets: Tensor1D): Tensor2D {
  return tidy(() => {
    const gate_NF = packedGroupedMatmul(x_ND, gate!, offsets, gateBias);
    const up_NF = packedGroupedMatmul(x_ND, up!, offsets, upBias);
    return packedGroupedMatmul(clampedSwiglu(gate_NF, up_NF), down!, offsets, downBias);
  });
}

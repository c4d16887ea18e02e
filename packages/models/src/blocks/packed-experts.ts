import type { Tensor2D } from "@tensorflow/tfjs";
import { packedExpertMlp, type DispatchPlan, type ExpertBank } from "@moekit/core";
import { PackedWeight } from "./packed-weight.js";

/** SwiGLU experts with packed matrices: `down(silu(gate x) * up x)`. */
export class PackedExperts implements ExpertBank {
  /** `[E, F, D]` */
  readonly gate: PackedWeight;
  /** `[E, F, D]` */
  readonly up: PackedWeight;
  /** `[E, D, F]` */
  readonly down: PackedWeight;

  constructor({ numExperts: E, width: F }: { readonly numExperts: number; readonly width: number }, D: number) {
    this.gate = new PackedWeight([E, F, D]);
    this.up = new PackedWeight([E, F, D]);
    this.down = new PackedWeight([E, D, F]);
  }

  get numExperts(): number {
    return this.up.shape[0]!;
  }

  /** @param x - `[N, D]` rows sorted by expert. @returns `[N, D]`; rows past the last expert are 0. */
  forward(x: Tensor2D, { offsets }: Pick<DispatchPlan, "offsets">): Tensor2D {
    const [gate, up, down] = [this.gate.matrix, this.up.matrix, this.down.matrix];
    return packedExpertMlp(x, { gate, up, down }, offsets, { activation: "silu" });
  }
}

import type { Tensor1D, Tensor2D } from "@tensorflow/tfjs";
import { packedExpertMlp, type DispatchPlan, type ExpertBank, type PackedMatrix } from "@moekit/core";
import { ExpertCache } from "./expert-cache.js";
import { PackedWeight } from "./packed-weight.js";

/** SwiGLU experts with packed matrices: `down(silu(gate x) * up x)`. */
export class PackedExperts implements ExpertBank {
  /** `[E, F, D]` */
  readonly gate: PackedWeight;
  /** `[E, F, D]` */
  readonly up: PackedWeight;
  /** `[E, D, F]` */
  readonly down: PackedWeight;
  /** Where experts stay in their file. */
  readonly cache?: ExpertCache;

  constructor({ numExperts: E, width: F }: { readonly numExperts: number; readonly width: number }, D: number, { staysInFile = false }: { readonly staysInFile?: boolean } = {}) {
    this.gate = new PackedWeight([E, F, D]);
    this.up = new PackedWeight([E, F, D]);
    this.down = new PackedWeight([E, D, F]);
    if (staysInFile) this.cache = new ExpertCache([this.gate, this.up, this.down]);
  }

  get numExperts(): number {
    return this.up.shape[0]!;
  }

  /** @param x - `[N, D]` rows sorted by expert. @returns `[N, D]`; rows past the last expert are 0. */
  forward(x: Tensor2D, { offsets }: Pick<DispatchPlan, "offsets">): Tensor2D {
    return this.cache ? this.cache.forward(x, offsets, swiglu) : swiglu(x, [this.gate.matrix, this.up.matrix, this.down.matrix], offsets);
  }
}

function swiglu(x: Tensor2D, [gate, up, down]: readonly PackedMatrix[], offsets: Tensor1D): Tensor2D {
  return packedExpertMlp(x, { gate, up: up!, down: down! }, offsets, { activation: "silu" });
}

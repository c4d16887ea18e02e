import type { Tensor1D, Tensor2D } from "@tensorflow/tfjs";
import { packedExpertMlp, type Activation, type DispatchPlan, type ExpertBank, type PackedMatrix } from "@moekit/core";
import { ExpertCache } from "./expert-cache.js";
import { PackedWeight } from "./packed-weight.js";

/** What PackedExperts are, but for their sizes. */
export interface PackedExpertOptions {
  /** Where there is a gate, the activation is of what comes from it. @defaultValue true */
  readonly gated?: boolean;
  /** @defaultValue "silu" */
  readonly activation?: Activation;
  readonly staysInFile?: boolean;
}

/** Experts with packed matrices: `down(act(gate x) * up x)`, or without a gate `down(act(up x))`. */
export class PackedExperts implements ExpertBank {
  /** `[E, F, D]` */
  readonly gate?: PackedWeight;
  /** `[E, F, D]` */
  readonly up: PackedWeight;
  /** `[E, D, F]` */
  readonly down: PackedWeight;
  /** Where experts stay in their file. */
  readonly cache?: ExpertCache;

  private readonly activation: Activation;

  constructor({ numExperts: E, width: F }: { readonly numExperts: number; readonly width: number }, D: number, { gated = true, activation = "silu", staysInFile = false }: PackedExpertOptions = {}) {
    this.activation = activation;
    if (gated) this.gate = new PackedWeight([E, F, D]);
    this.up = new PackedWeight([E, F, D]);
    this.down = new PackedWeight([E, D, F]);
    if (staysInFile) this.cache = new ExpertCache(this.weights);
  }

  get numExperts(): number {
    return this.up.shape[0]!;
  }

  /** @param x - `[N, D]` rows sorted by expert. @returns `[N, D]`; rows past the last expert are 0. */
  forward(x: Tensor2D, { offsets }: Pick<DispatchPlan, "offsets">): Tensor2D {
    const compute = (rows: Tensor2D, [up, down, gate]: readonly PackedMatrix[], ends: Tensor1D) => packedExpertMlp(rows, { gate, up: up!, down: down! }, ends, { activation: this.activation });
    return this.cache ? this.cache.forward(x, offsets, compute) : compute(x, this.weights.map(({ matrix }) => matrix), offsets);
  }

  private get weights(): readonly PackedWeight[] {
    return this.gate ? [this.up, this.down, this.gate] : [this.up, this.down];
  }
}

import { requireAtLeast } from "../require.js";
import type { Schedule } from "./schedule.js";

/** Settings of {@link inverseSqrt}. @example const options: InverseSqrtOptions = { scale: 1, warmup: 10_000 }; */
export interface InverseSqrtOptions {
  /** Numerator c of the rate. */
  readonly scale: number;
  /** Steps w before the decay begins. */
  readonly warmup: number;
}

/**
 * `c / sqrt(max(s, w))`: constant at `c / sqrt(w)` up to step w, then falling. With `c = 1` and `w = 10000` it starts at 0.01.
 *
 * @throws ConfigError if `warmup` is below 1 or `scale` negative.
 * @source Raffel et al. 2020 (T5), arXiv:1910.10683, section 3.1.2; used by OpenMoE, arXiv:2402.01739.
 * @example inverseSqrt({ scale: 1, warmup: 10_000 })(40_000); // 0.005
 */
export function inverseSqrt({ scale, warmup }: InverseSqrtOptions): Schedule {
  requireAtLeast("inverseSqrt", { scale }, 0);
  requireAtLeast("inverseSqrt", { warmup }, 1);
  return (step) => scale / Math.sqrt(Math.max(step, warmup));
}

import { requireAtLeast } from "../require.js";
import type { Schedule } from "./schedule.js";

/** Settings of {@link constant}. @example const options: ConstantOptions = { peak: 1e-3, warmup: 50 }; */
export interface ConstantOptions {
  /** Learning rate after the warmup. */
  readonly peak: number;
  /** Steps of linear rise to the peak; default 0. */
  readonly warmup?: number;
}

/**
 * The same learning rate at every step after a linear warmup: `peak * min(1, (s + 1) / w)`.
 *
 * @throws ConfigError if a setting is negative.
 * @example constant({ peak: 1e-3 })(0); // 0.001
 */
export function constant({ peak, warmup = 0 }: ConstantOptions): Schedule {
  requireAtLeast("constant", { peak, warmup }, 0);
  return (step) => (step < warmup ? (peak * (step + 1)) / warmup : peak);
}

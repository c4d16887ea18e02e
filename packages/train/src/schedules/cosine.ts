import { requireAtLeast } from "../require.js";
import type { Schedule } from "./schedule.js";

/** Settings of {@link cosine}. @example const options: CosineOptions = { peak: 1e-3, steps: 5000, warmup: 100 }; */
export interface CosineOptions {
  /** Highest learning rate, reached at the end of the warmup. */
  readonly peak: number;
  /** Step S at which the decay ends. */
  readonly steps: number;
  /** Steps w of linear rise; default 0. */
  readonly warmup?: number;
  /** Learning rate at and after step S; default a tenth of the peak. */
  readonly floor?: number;
}

/**
 * Linear warmup, then half a cosine down to the floor.
 *
 * `s < w: peak (s + 1) / (w + 1)`; `s > S: floor`; else `floor + (1 + cos(pi (s - w) / (S - w))) / 2 * (peak - floor)`.
 *
 * @throws ConfigError if a setting is negative or the warmup is not shorter than the run.
 * @source nanoGPT, train.py, get_lr.
 * @example cosine({ peak: 1e-3, steps: 5000, warmup: 100, floor: 1e-4 })(2550); // 5.5e-4
 */
export function cosine({ peak, steps, warmup = 0, floor = peak / 10 }: CosineOptions): Schedule {
  requireAtLeast("cosine", { peak, warmup, floor }, 0);
  requireAtLeast("cosine", { steps }, warmup + 1);
  return (step) => {
    if (step < warmup) return (peak * (step + 1)) / (warmup + 1);
    if (step > steps) return floor;
    return floor + 0.5 * (1 + Math.cos((Math.PI * (step - warmup)) / (steps - warmup))) * (peak - floor);
  };
}

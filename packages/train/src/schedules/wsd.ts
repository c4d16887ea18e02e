import { UnknownNameError } from "@moekit/core";
import { requireAtLeast, requireAtMost } from "../require.js";
import type { Schedule } from "./schedule.js";

/** Shape of the final decay of {@link wsd}. @example const shape: WsdDecay = "sqrt"; */
export type WsdDecay = "linear" | "sqrt" | "cosine";

/** Settings of {@link wsd}. @example const options: WsdOptions = { peak: 1e-3, steps: 1000, warmup: 100, decay: "sqrt" }; */
export interface WsdOptions {
  /** Learning rate of the stable phase. */
  readonly peak: number;
  /** Steps S of the whole run. */
  readonly steps: number;
  /** Steps w of linear rise; default 0. */
  readonly warmup?: number;
  /** Share of the steps that decay; default 0.2. */
  readonly decayRatio?: number;
  /** Shape of the decay; default linear. */
  readonly decay?: WsdDecay;
  /** Learning rate where the decay ends; default 0. */
  readonly floor?: number;
}

const remaining: Record<WsdDecay, (q: number) => number> = {
  linear: (q) => 1 - q,
  sqrt: (q) => 1 - Math.sqrt(q),
  cosine: (q) => 0.5 * (1 + Math.cos(Math.PI * q)),
};

/**
 * Warmup, stable phase, decay. Several budgets can share one run: branch a decay off any checkpoint of the stable phase.
 *
 * With `d = round(S * decayRatio)` and `stable = S + 1 - w - d`: `s < w: (s + 1) / w`; `s < w + stable: 1`; else
 * `q = (s + 1 - w - stable) / d` leaves `1 - q`, `1 - sqrt(q)` or `(1 + cos(pi q)) / 2` of the way from floor to peak.
 *
 * @throws ConfigError if a setting is negative, or warmup and decay together exceed the run; UnknownNameError for another decay.
 * @source torchtitan, components/lr_scheduler.
 * @example wsd({ peak: 1, steps: 1000, warmup: 100 })(900); // 0.5
 */
export function wsd({ peak, steps, warmup = 0, decayRatio = 0.2, decay = "linear", floor = 0 }: WsdOptions): Schedule {
  if (!(decay in remaining)) throw new UnknownNameError({ in: "wsd", name: decay, known: Object.keys(remaining) });
  requireAtLeast("wsd", { peak, warmup, decayRatio, floor }, 0);
  requireAtMost("wsd", { decayRatio }, 1);
  const decaySteps = Math.round(steps * decayRatio);
  requireAtLeast("wsd", { steps }, Math.max(1, warmup + decaySteps));
  const decayFrom = steps + 1 - decaySteps;
  return (step) => {
    if (step < warmup) return (peak * (step + 1)) / warmup;
    if (step < decayFrom) return peak;
    return floor + (peak - floor) * remaining[decay](Math.min(1, (step + 1 - decayFrom) / decaySteps));
  };
}

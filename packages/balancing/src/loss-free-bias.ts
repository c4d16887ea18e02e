import * as tf from "@tensorflow/tfjs";
import type { Rank, Scalar, Tensor, Variable } from "@tensorflow/tfjs";
import { ConfigError, routerKey, type LayerCounts, type LoadController, type MethodFacts, type RouterPlace } from "@moekit/core";
import { checkBoolean, checkOneOf, checkWeight } from "./internal/check.js";

/** The facts of {@link LossFreeBias}. */
export const lossFreeBiasFacts: MethodFacts = {
  id: "lossFreeBias",
  title: "Loss-free balancing by a selection bias",
  source: "Wang et al. 2024, arXiv:2408.15664, algorithm 1; DeepSeek-V3, arXiv:2412.19437, section 2.1.2; centred as in torchtitan",
  summary: "After each optimiser step every expert's selection bias moves a little: up if the expert had too few tokens, down if too many. No gradient, no loss.",
  formula: "e = mean(c) - c; delta = u * sign(e), or u * e / mean(c); centred: delta -= mean(delta); bias += delta",
  parameters: {
    speed: { default: 0.001, range: "0 or more", meaning: "Step u; for runs of up to 2000 steps 0.01 decaying to 0.001. Softmax scores want much less." },
    rule: { default: "sign", range: "sign, proportional", meaning: "Fixed steps, or steps in proportion to the relative error." },
    centred: { default: false, range: "true or false", meaning: "Keep the sum of the biases constant." },
  },
};

/**
 * The step u of {@link LossFreeBias}: a number, or a function of how many updates were made before.
 * @example const decaying: BiasSpeed = (update) => 0.01 + (0.001 - 0.01) * Math.min(1, update / 2000);
 */
export type BiasSpeed = number | ((update: number) => number);

/**
 * Settings of {@link LossFreeBias}.
 * @example const options: LossFreeBiasOptions = { layers: [{ layer: 0, expertBias: router.expertBias }], speed: 0.001 };
 */
export interface LossFreeBiasOptions {
  /** The selection bias `[E]` float32 of each router to balance; `layer` and `part` as in the trace. */
  readonly layers: readonly (RouterPlace & { readonly expertBias: Variable<Rank.R1> })[];
  /** Default 0.001. */
  readonly speed?: BiasSpeed;
  /** `sign` (default): fixed steps. `proportional`: in proportion to the error, relative to the mean load. */
  readonly rule?: "sign" | "proportional";
  /** Subtract the mean step, so that the biases do not drift; default false. */
  readonly centred?: boolean;
}

/**
 * Balances experts without a loss: moves the bias that a router adds to its scores for the choice only.
 *
 * From the counts `c` of an optimiser step, `e = mean(c) - c`: `bias += u * sign(e)`, `sign(0) = 0`, or
 * `bias += u * e / mean(c)` (the paper's proportional form is in tokens; here it does not depend on the batch size).
 * `centred` subtracts the mean of the step. A layer without tokens stays as it is. The biases and the number of updates are
 * its state; give it routers with sigmoid scores, whose gaps are wide enough for `u` = 0.001.
 *
 * @source Wang et al. 2024, arXiv:2408.15664, algorithm 1.
 * @example
 * const controller = new LossFreeBias({ layers: [{ layer: 0, expertBias: router.expertBias }], speed: 0.001 });
 * controller.afterStep([{ layer: 0, counts: new Float32Array([3, 1, 0, 4]) }]); // bias += 0.001 * [-1, 1, 1, -1]
 */
export class LossFreeBias implements LoadController {
  readonly id = "lossFreeBias";
  private readonly layers: LossFreeBiasOptions["layers"];
  private readonly speed: (update: number) => number;
  private readonly rule: "sign" | "proportional";
  private readonly centred: boolean;
  /** Scalars that no kernel ever touches, so that reading them costs nothing on any backend. */
  private readonly updates: Variable<Rank.R0> = hostScalar(0);
  private readonly isFrozen: Variable<Rank.R0> = hostScalar(0);

  /** @throws ConfigError if two entries are of one router or a setting is not among those of the facts. */
  constructor({ layers, speed = 0.001, rule = "sign", centred = false }: LossFreeBiasOptions) {
    const ids = layers.map(routerKey);
    if (new Set(ids).size < ids.length) throw new ConfigError(`LossFreeBias: each layer must be listed once; got ${ids.join(", ")}.`);
    checkOneOf("LossFreeBias", "rule", rule, ["sign", "proportional"]);
    checkBoolean("LossFreeBias", "centred", centred);
    if (typeof speed !== "function") checkWeight("LossFreeBias", "speed", speed);
    this.layers = layers;
    this.speed = typeof speed === "function" ? speed : () => speed;
    this.rule = rule;
    this.centred = centred;
  }

  /** True after {@link LossFreeBias.freeze}; part of the state. */
  get frozen(): boolean {
    return this.isFrozen.dataSync()[0] === 1;
  }

  /** Stops all further updates, e.g. for the last part of a training run. */
  freeze(): void {
    tf.tidy(() => this.isFrozen.assign(tf.scalar(1)));
  }

  /**
   * Moves every bias by one step.
   * @param counts - Choices of each expert in the whole optimiser step, before capacity. Layers without a bias here are skipped.
   * @throws ConfigError if the counts of a layer are missing, not one for each expert, or not numbers; then nothing moves.
   */
  afterStep(counts: readonly LayerCounts[]): void {
    if (this.frozen) return;
    const update = this.updates.dataSync()[0]!;
    const speed = this.speed(update);
    checkWeight("LossFreeBias", `speed of update ${update}`, speed);
    const deltas = this.layers.map(({ expertBias, ...place }) => this.delta(countsOf(place, expertBias.size, counts), speed));
    this.layers.forEach(({ expertBias }, i) => tf.tidy(() => expertBias.assign(tf.add(expertBias, tf.tensor1d(deltas[i]!)))));
    tf.tidy(() => this.updates.assign(tf.scalar(update + 1)));
  }

  /** The biases as `<layer>.expertBias` (`<layer>.<part>.expertBias`), the number of updates, and whether it is frozen. */
  state(): Record<string, Tensor> {
    const biases = this.layers.map(({ expertBias, ...place }) => [`${routerKey(place)}.expertBias`, expertBias] as const);
    return { ...Object.fromEntries(biases), updates: this.updates, frozen: this.isFrozen };
  }

  /** Frees its own variables; the biases belong to their routers. */
  dispose(): void {
    tf.dispose([this.updates, this.isFrozen]);
  }

  private delta(counts: Float32Array, speed: number): number[] {
    const even = mean([...counts]);
    if (even === 0) return [...counts];
    const steps = [...counts].map((count) => speed * (this.rule === "sign" ? Math.sign(even - count) : (even - count) / even));
    const shift = this.centred ? mean(steps) : 0;
    return steps.map((step) => step - shift);
  }
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const hostScalar = (value: number): Variable<Rank.R0> => tf.tidy(() => tf.variable(tf.scalar(value) as Scalar, false));

function countsOf(place: RouterPlace, numExperts: number, all: readonly LayerCounts[]): Float32Array {
  const key = routerKey(place);
  const found = all.find((entry) => routerKey(entry) === key)?.counts;
  if (found?.length !== numExperts) throw new ConfigError(`LossFreeBias: counts of layer ${key} must have one number for each of its ${numExperts} experts; got ${found ? found.length : "none"}.`);
  if (!found.every(Number.isFinite)) throw new ConfigError(`LossFreeBias: counts of layer ${key} must be numbers; got ${found.join(", ")}.`);
  return found;
}

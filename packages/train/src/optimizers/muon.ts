import * as tf from "@tensorflow/tfjs";
import { UnknownNameError, type ParameterMap } from "@moekit/core";
import { requireAtLeast, requireAtMost } from "../require.js";
import { AdamW, type AdamWOptions } from "./adamw.js";
import { newtonSchulz } from "./newton-schulz.js";
import type { Optimizer, UpdateMoment } from "./optimizer.js";
import { parameterRole } from "./parameter-role.js";
import { Slots } from "./slots.js";

/**
 * How large an orthogonal update is. `aspect`: times `sqrt(max(1, rows / columns))`, as in the original, for learning rates
 * near 0.02. `moonlight`: times `0.2 sqrt(max(rows, columns))`, which gives the update AdamW's usual size, for AdamW's rates.
 *
 * @example const scaling: MuonScaling = "moonlight";
 */
export type MuonScaling = "aspect" | "moonlight";

/** Settings of {@link muon}. @example const options: MuonOptions = { scaling: "moonlight", adamw: { beta2: 0.99 } }; */
export interface MuonOptions {
  /** Decay of the momentum; default 0.95. */
  readonly momentum?: number;
  /** Size of the update; default aspect. */
  readonly scaling?: MuonScaling;
  /** Decoupled decay of the hidden matrices; default 0.01 with aspect and 0.1 with moonlight scaling. */
  readonly weightDecay?: number;
  /** Learning rate of the AdamW part relative to the schedule's; default 0.1 with aspect and 1 with moonlight scaling. */
  readonly adamwRate?: number;
  /** Settings of the AdamW part: embeddings, head, routers, norms, biases and vectors. */
  readonly adamw?: AdamWOptions;
}

// Both rows give the AdamW part its usual rate, and every matrix its usual decay per step.
const defaults = { aspect: { weightDecay: 0.01, adamwRate: 0.1 }, moonlight: { weightDecay: 0.1, adamwRate: 1 } };

/**
 * Muon on hidden matrices and on each expert of a bank separately; AdamW on everything else.
 *
 * `buf += (1 - mu) (g - buf); u = g + mu (buf - g); X = newtonSchulz(u)`, scaled; `p = p (1 - lr wd) - lr X`.
 * Rows are outputs: weights are `[out, in]`.
 *
 * @throws ConfigError if a setting is out of range; UnknownNameError for another scaling.
 * @source Jordan et al. 2024, https://kellerjordan.github.io/posts/muon; moonlight scaling: Liu et al. 2025, arXiv:2502.16982, section 2.2.
 * @example const optimizer = muon({ scaling: "moonlight" });
 */
export function muon(options: MuonOptions = {}): Muon {
  return new Muon(options);
}

/** The optimiser that {@link muon} makes. @example new Muon({}).id; // "muon" */
export class Muon implements Optimizer {
  readonly id = "muon";
  private readonly settings: Required<Omit<MuonOptions, "adamw">>;
  private readonly slots = new Slots();
  private readonly rest: AdamW;
  private matrices: ParameterMap = {};

  constructor({ momentum = 0.95, scaling = "aspect", weightDecay, adamwRate, adamw = {} }: MuonOptions) {
    if (!(scaling in defaults)) throw new UnknownNameError({ in: "muon", name: scaling, known: Object.keys(defaults) });
    this.settings = { momentum, scaling, weightDecay: weightDecay ?? defaults[scaling].weightDecay, adamwRate: adamwRate ?? defaults[scaling].adamwRate };
    requireAtLeast("muon", { momentum, weightDecay: this.settings.weightDecay, adamwRate: this.settings.adamwRate }, 0);
    requireAtMost("muon", { momentum }, 1 - Number.EPSILON);
    this.rest = new AdamW(adamw);
  }

  prepare(parameters: ParameterMap): void {
    const isHidden = ([path, { shape }]: [string, tf.Variable]) => ["matrix", "bank"].includes(parameterRole(path, shape));
    const entries = Object.entries(parameters);
    this.matrices = Object.fromEntries(entries.filter(isHidden));
    this.slots.dispose();
    this.slots.add("momentum", this.matrices);
    this.rest.prepare(Object.fromEntries(entries.filter((entry) => !isHidden(entry))));
  }

  step(gradients: Readonly<Record<string, tf.Tensor>>, moment: UpdateMoment): void {
    for (const [path, variable] of Object.entries(this.matrices)) {
      const gradient = gradients[path];
      if (gradient) tf.tidy(() => this.update(path, variable, gradient, moment.learningRate));
    }
    this.rest.step(gradients, { ...moment, learningRate: moment.learningRate * this.settings.adamwRate });
  }

  state(): Record<string, tf.Variable> {
    return { ...this.slots.all(), ...this.rest.state() };
  }

  dispose(): void {
    this.slots.dispose();
    this.rest.dispose();
  }

  private update(path: string, variable: tf.Variable, gradient: tf.Tensor, learningRate: number): void {
    const { momentum, scaling, weightDecay } = this.settings;
    const buffer = this.slots.get("momentum", path);
    buffer.assign(lerp(gradient, buffer, momentum));
    const direction = newtonSchulz(lerp(gradient, buffer, momentum));
    const step = learningRate * muonScale(scaling, direction.shape);
    const decayed = tf.mul(variable, 1 - learningRate * weightDecay);
    variable.assign(tf.sub(decayed, tf.mul(direction, step)));
  }
}

/** Factor of the update of a matrix `[..., rows, columns]`. */
function muonScale(scaling: MuonScaling, shape: readonly number[]): number {
  const [rows, columns] = shape.slice(-2) as [number, number];
  return scaling === "aspect" ? Math.sqrt(Math.max(1, rows / columns)) : 0.2 * Math.sqrt(Math.max(rows, columns));
}

/** `from + weight * (to - from)`. */
function lerp(from: tf.Tensor, to: tf.Tensor, weight: number): tf.Tensor {
  return tf.add(from, tf.mul(tf.sub(to, from), weight));
}

/** B sequences, T tokens of all of them, D model width, F feed-forward width, E experts, N rows sorted by expert. */
import * as tf from "@tensorflow/tfjs";
import { expertMlp, LocalDispatcher, weightVariable, type DispatchPlan, type ExpertBank, type RouteContext, type TokenChoice } from "@moekit/core";
import { jitter } from "../blocks/jitter.js";
import { Linear } from "../blocks/linear.js";
import type { ModelInit } from "../blocks/model-init.js";
import { PackedExperts } from "../blocks/packed-experts.js";
import type { EncoderDecoderFeedForward } from "./config.js";
import { limitBySequence } from "./sequence-capacity.js";
import { SwitchRouter } from "./switch-router.js";

const ACTIVATIONS: Record<EncoderDecoderFeedForward["activation"], (x: tf.Tensor2D) => tf.Tensor2D> = {
  relu: (x) => tf.relu(x),
  gelu: (x) => tf.mul(x, tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5)),
  silu: (x) => tf.mul(x, tf.sigmoid(x)),
};

/** `down(act(up x))`. */
export class PlainFeedForward {
  readonly up: Linear;
  readonly down: Linear;

  constructor(
    private readonly config: EncoderDecoderFeedForward,
    hiddenSize: number,
    stream: string,
    { seed, std, residualStd, packed }: ModelInit,
  ) {
    this.up = new Linear(hiddenSize, config.width, { init: { seed, stream: `${stream}.up`, std, packed } });
    this.down = new Linear(config.width, hiddenSize, { init: { seed, stream: `${stream}.down`, std: residualStd, packed } });
  }

  forward(x_TD: tf.Tensor2D): tf.Tensor2D {
    return this.down.forward(ACTIVATIONS[this.config.activation](this.up.forward(x_TD)));
  }
}

/** The same, E times. */
class PlainExperts implements ExpertBank {
  /** `[E, F, D]` */
  readonly up: tf.Variable<tf.Rank.R3>;
  /** `[E, D, F]` */
  readonly down: tf.Variable<tf.Rank.R3>;

  constructor(
    private readonly config: EncoderDecoderFeedForward,
    hiddenSize: number,
    stream: string,
    { seed, std, residualStd }: ModelInit,
  ) {
    this.up = weightVariable([config.numExperts, config.width, hiddenSize], { seed, stream: `${stream}.up`, std });
    this.down = weightVariable([config.numExperts, hiddenSize, config.width], { seed, stream: `${stream}.down`, std: residualStd });
  }

  get numExperts(): number {
    return this.config.numExperts;
  }

  forward(x_ND: tf.Tensor2D, { offsets }: Pick<DispatchPlan, "offsets">): tf.Tensor2D {
    return expertMlp(x_ND, { up: this.up, down: this.down }, offsets, { activation: this.config.activation });
  }
}

/** Experts that take at most `capacity` tokens of a sequence; a token that finds no place gets 0. */
export class SwitchFeedForward {
  readonly router: SwitchRouter;
  readonly experts: ExpertBank;
  private readonly dispatcher = new LocalDispatcher();

  constructor(
    private readonly config: EncoderDecoderFeedForward,
    hiddenSize: number,
    stream: string,
    init: ModelInit,
  ) {
    this.router = new SwitchRouter(config, hiddenSize, `${stream}.router`, init);
    this.experts = init.packed ? new PackedExperts(config, hiddenSize, { gated: false, activation: config.activation, staysInFile: init.staysInFile }) : new PlainExperts(config, hiddenSize, `${stream}.experts`, init);
  }

  /** @param taken - `[B, E]` choices of the tokens before these; see {@link limitBySequence}. */
  forward(input_TD: tf.Tensor2D, batch: number, context: RouteContext, taken?: tf.Tensor2D): { y: tf.Tensor2D; routing: TokenChoice; taken: tf.Tensor2D } {
    const x_TD = jitter(input_TD, this.config.inputJitter, context);
    const limited = limitBySequence(this.router.route(x_TD), batch, this.config.capacity, taken);
    const plan = this.dispatcher.plan(limited.routing);
    const rows_ND = this.experts.forward(this.dispatcher.dispatch(x_TD, plan), plan);
    return { ...limited, y: this.dispatcher.combine(rows_ND, plan) };
  }
}

import * as tf from "@tensorflow/tfjs";
import type { Tensor2D } from "@tensorflow/tfjs";
import { ConfigError, ShapeError } from "../errors.js";
import { gatherRows } from "../ops/gather-rows/gather-rows.js";
import { tidy } from "../tidy.js";
import type { Dispatcher, DispatchPlan, ExpertBank, FeedForward, RouteContext, Router, Routing } from "../types.js";
import { applyCapacity, capacity, type CapacityPriority } from "./capacity.js";
import { LocalDispatcher } from "./local-dispatcher.js";

/**
 * Limits the tokens of each expert; see {@link applyCapacity}.
 * @example const limit: LayerCapacity = { factor: 1.25, evalFactor: 2, priority: "probs" };
 */
export interface LayerCapacity {
  readonly factor: number;
  /** Factor outside training; default: the same. */
  readonly evalFactor?: number;
  /** Default `position`. */
  readonly priority?: CapacityPriority;
}

/**
 * The parts of a {@link MoeLayer}.
 * @example const parts: MoeLayerParts = { router, experts, shared: new SharedExpert({ dim: 64, hidden: 128, seed: 1 }) };
 */
export interface MoeLayerParts {
  readonly router: Router;
  readonly experts: ExpertBank;
  /** Gates multiply what experts give, or what they get: `expert_e(gate[t, e] x[t])` (Llama 4). Default `output`. */
  readonly gatesOn?: "input" | "output";
  /** Runs on every token and is added to the output. */
  readonly shared?: FeedForward;
  /** Default: within this machine, one physical expert for each logical one. */
  readonly dispatcher?: Dispatcher;
  /** Default: none, every choice is computed (dropless). */
  readonly capacity?: LayerCapacity;
}

/**
 * A mixture-of-experts layer: `y[t] = shared(x[t]) + sum over chosen experts e of gate[t, e] * expert_e(x[t])`.
 *
 * Six steps, each a part that can be replaced: route, plan the order, dispatch, run the experts, combine (which brings
 * rows back into token order), add what is shared. On backends that cannot read synchronously no step reads data back.
 *
 * @example
 * const layer = new MoeLayer({ router, experts: new StackedExperts({ numExperts: 8, dim: 64, hidden: 128, seed: 1 }) });
 * const { y, routing } = layer.forward(x, { training: true });
 */
export class MoeLayer {
  readonly router: Router;
  readonly experts: ExpertBank;
  readonly shared?: FeedForward;
  private readonly gatesOn: "input" | "output";
  private readonly dispatcher: Dispatcher;
  private readonly limit?: LayerCapacity;

  /** @throws ConfigError if the router chooses between another number of experts than there are. */
  constructor({ router, experts, gatesOn = "output", shared, dispatcher, capacity: limit }: MoeLayerParts) {
    if (!dispatcher) checkCounts(router.numExperts, experts.numExperts);
    this.router = router;
    this.experts = experts;
    this.gatesOn = gatesOn;
    this.shared = shared;
    this.dispatcher = dispatcher ?? new LocalDispatcher();
    this.limit = limit;
  }

  /**
   * @param x - Tokens, `[T, D]` float32.
   * @returns `y` `[T, D]`, and the whole decision for losses, metrics and controllers.
   */
  forward(x: Tensor2D, context: RouteContext = {}): { y: Tensor2D; routing: Routing } {
    if (x.rank !== 2) throw new ShapeError(`MoeLayer: x must be [T, D]; got [${x.shape.join(", ")}]. Reshape [B, S, D] to [B * S, D].`);
    return tidy(() => {
      const routing = this.withinCapacity(this.router.route(x, context), context);
      const plan = this.dispatcher.plan(routing);
      checkCounts(plan.numExperts, this.experts.numExperts);
      const routed = this.gatesOn === "output" ? this.gatedOutputs(x, plan) : this.gatedInputs(x, plan);
      const y = this.shared ? (tf.add(routed, this.shared.forward(x)) as Tensor2D) : routed;
      return { y, routing };
    });
  }

  private gatedOutputs(x: Tensor2D, plan: DispatchPlan): Tensor2D {
    return this.dispatcher.combine(this.experts.forward(this.dispatcher.dispatch(x, plan), plan), plan);
  }

  private gatedInputs(x: Tensor2D, plan: DispatchPlan): Tensor2D {
    const gates_N1 = gatherRows(tf.reshape(plan.gates, [-1, 1]), plan.order);
    const rows_ND: Tensor2D = tf.mul(this.dispatcher.dispatch(x, plan), gates_N1);
    return this.dispatcher.combine(this.experts.forward(rows_ND, plan), { ...plan, gates: tf.onesLike(plan.gates) });
  }

  private withinCapacity(routing: Routing, { training, valid }: RouteContext): Routing {
    if (!this.limit) return routing;
    if (routing.kind !== "token-choice") throw new ConfigError(`MoeLayer: capacity applies to token choice; this router decides by ${routing.kind}. Leave capacity out.`);
    const [numTokens, slotsPerToken] = routing.expertIds.shape;
    const factor = training ? this.limit.factor : (this.limit.evalFactor ?? this.limit.factor);
    const slots = capacity({ numTokens, numExperts: routing.numExperts, topK: slotsPerToken, factor });
    return applyCapacity(routing, slots, this.limit.priority ?? "position", valid);
  }
}

function checkCounts(wanted: number, got: number): void {
  if (wanted !== got) throw new ConfigError(`MoeLayer: the bank must have ${wanted} experts, as many as tokens are sent to; got ${got}. Pass a dispatcher with an ExpertMap where they differ.`);
}

import * as tf from "@tensorflow/tfjs";
import type { Tensor1D, Tensor2D } from "@tensorflow/tfjs";
import { combine } from "../ops/combine/combine.js";
import { dispatch } from "../ops/dispatch/dispatch.js";
import { gatherRows, scatterRows } from "../ops/gather-rows/gather-rows.js";
import { sortByExpert } from "../ops/sort-by-expert/sort-by-expert.js";
import { stopGradient } from "../stop-gradient.js";
import { tidy } from "../tidy.js";
import type { Dispatcher, DispatchPlan, ExpertChoice, Routing } from "../types.js";
import type { ExpertMap } from "./expert-map.js";

/**
 * Moves rows within one machine: a stable sort by expert, a gather there, a weighted sum back. Dropless; slots of -1
 * cost a row but no expert arithmetic.
 *
 * @example const dispatcher = new LocalDispatcher();
 * const plan = dispatcher.plan(routing);
 * const y = dispatcher.combine(experts.forward(dispatcher.dispatch(x, plan), plan), plan);
 */
export class LocalDispatcher implements Dispatcher {
  /** @param expertMap - Where the physical experts are not the ones that the router chooses between. */
  constructor(private readonly expertMap?: ExpertMap) {}

  /** One sort for all kernels of the layer. A dense mix sends every token to every expert. */
  plan(routing: Routing): DispatchPlan {
    return tidy(() => {
      const ids = this.physical(logicalIds(routing));
      const numExperts = this.expertMap?.numPhysical ?? routing.numExperts;
      const sorted = sortByExpert(ids, numExperts);
      const plan = { numExperts, slotsPerToken: ids.shape[1], gates: routing.gates, ...sorted };
      return routing.kind === "expert-choice" ? { ...plan, expertChoice: chosenTokens(routing, sorted.order) } : plan;
    });
  }

  dispatch(x: Tensor2D, plan: DispatchPlan): Tensor2D {
    return plan.expertChoice ? gatherRows(x, plan.expertChoice.tokenIds) : dispatch(x, plan);
  }

  combine(y: Tensor2D, plan: DispatchPlan): Tensor2D {
    const { expertChoice, gates, order } = plan;
    if (!expertChoice) return combine(y, plan);
    return tf.tidy(() => {
      const gates_N1 = gatherRows(tf.reshape(gates, [-1, 1]), order);
      return scatterRows(tf.mul(y, gates_N1), expertChoice.tokenIds, expertChoice.numTokens);
    });
  }

  private physical(ids: Tensor2D): Tensor2D {
    return this.expertMap ? this.expertMap.toPhysical(ids) : ids;
  }
}

/** `[T, K]`, or `[E, C]` where experts choose: the logical expert of each slot, -1 where it is empty. Off the tape. */
function logicalIds(routing: Routing): Tensor2D {
  if (routing.kind === "token-choice") return stopGradient(routing.expertIds);
  const shape = routing.gates.shape;
  if (routing.kind === "dense-mix") return tf.tensor2d(filled(shape, (_, expert) => expert), shape, "int32");
  const experts = tf.tensor2d(filled(shape, (expert) => expert), shape, "int32");
  return tf.where(tf.less(stopGradient(routing.tokenIds), tf.scalar(0, "int32")), tf.fill(shape, -1, "int32"), experts) as Tensor2D;
}

function chosenTokens(routing: ExpertChoice, order: Tensor1D): NonNullable<DispatchPlan["expertChoice"]> {
  const flat = tf.reshape(stopGradient(routing.tokenIds), [-1]);
  const tokenIds = order.size === 0 ? order : (tf.gather(flat, order) as Tensor1D);
  return { tokenIds, numTokens: routing.logits.shape[0] };
}

function filled([rows, columns]: [number, number], value: (row: number, column: number) => number): Int32Array {
  return Int32Array.from({ length: rows * columns }, (_, i) => value(Math.floor(i / columns), i % columns));
}

import { disposeParameters, ExpertMap, LocalDispatcher, MixedExperts, MoeLayer, parameters, readsSynchronously, StackedExperts, tokensPerExpert, type CapacityPriority } from "@moekit/core";
import * as tf from "@tensorflow/tfjs";
import type { Tensor1D } from "@tensorflow/tfjs";
import { beforeAll, expect, it } from "vitest";
import type { TestBackend } from "../backends.js";
import { describeOn } from "../describe-on.js";
import { expectNoLeaks } from "../leaks.js";
import { withoutReads } from "../reads.js";
import { buildMoeLayer, expectMoeLayerEqualsLoop, MOE_SIZES, normal, ROUTING_KINDS } from "./equals-loop.js";
import { TinyRouter } from "./routers.js";

const PRIORITIES: CapacityPriority[] = ["position", "first-choice", "probs"];

/** One layer for every part that may compute in its own way. */
const LAYERS: Record<string, () => MoeLayer> = {
  ...Object.fromEntries(ROUTING_KINDS.map((kind) => [kind, () => buildMoeLayer(kind, { ...MOE_SIZES, dim: 4 })])),
  "gates on the input": () => buildMoeLayer("token-choice", { ...MOE_SIZES, dim: 4 }, "input"),
  "all kinds of experts": () => new MoeLayer({ router: new TinyRouter("token-choice", 5, 4, 2), experts: mixedExperts() }),
  "tied and replicated experts": () => {
    const experts = new StackedExperts({ numExperts: 3, dim: 4, hidden: 3, seed: 1 });
    return new MoeLayer({ router: new TinyRouter("token-choice", 3, 4, 2), experts, dispatcher: new LocalDispatcher(new ExpertMap([[0, 2], [1], [1]], 3)) });
  },
  ...Object.fromEntries(
    PRIORITIES.map((priority) => [
      `capacity by ${priority}`,
      () => new MoeLayer({ router: new TinyRouter("token-choice", 5, 4, 2), experts: mixedExperts(), capacity: { factor: 0.8, priority } }),
    ]),
  ),
};

/**
 * Runs the mixture-of-experts layer on a backend: output and gradients equal loops, nothing leaks, and where reading is not
 * synchronous neither forward nor backward reads anything back. Skips with the reason where the backend is not available.
 *
 * @param setup - Runs with the backend active, e.g. to register kernels.
 * @example await moeLayerSuite("wasm", { setup: () => registerJsKernels("wasm") });
 */
export async function moeLayerSuite(backend: TestBackend, { setup }: { readonly setup?: () => void | Promise<void> } = {}): Promise<void> {
  await describeOn(backend, () => {
    beforeAll(() => setup?.());
    it.each(ROUTING_KINDS)("MoeLayer equals a loop over tokens in output and every gradient (%s)", (kind) => expectMoeLayerEqualsLoop(kind));
    it.each(ROUTING_KINDS)("MoeLayer with gates on the experts' input equals that loop too (%s)", (kind) => expectMoeLayerEqualsLoop(kind, "input"));
    it.each(Object.keys(LAYERS))("MoeLayer leaks nothing, and reads nothing back where that would wait (%s)", (name) => expectNoLeaks(() => trainOnce(LAYERS[name]!())));
  });
}

async function trainOnce(layer: MoeLayer): Promise<void> {
  const [x, valid] = [normal(6, 4), tf.ones([6]) as Tensor1D];
  const step = () =>
    tf.variableGrads(() => {
      const { y, routing } = layer.forward(x, { training: true, valid });
      tokensPerExpert(routing, valid);
      return tf.sum(tf.square(y));
    });
  const { value, grads } = readsSynchronously() ? step() : withoutReads(step);
  expect(Object.keys(grads)).toHaveLength(Object.keys(parameters(layer)).length);
  for (const tensor of [value, ...Object.values(grads)]) expect((await tensor.data()).every(Number.isFinite)).toBe(true);
  tf.dispose([x, valid, value, ...Object.values(grads)]);
  disposeParameters(layer);
}

function mixedExperts(): MixedExperts {
  const ffn = new StackedExperts({ numExperts: 2, dim: 4, hidden: 3, seed: 1, bias: true });
  return new MixedExperts({ ffn, dim: 4, constant: 1, copy: 1, zero: 1, seed: 2 });
}

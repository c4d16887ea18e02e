import { describeOn, withoutReads } from "@moekit/testing";
import * as tf from "@tensorflow/tfjs";
import type { Tensor1D } from "@tensorflow/tfjs";
import { expect, it } from "vitest";
import { MixedExperts, StackedExperts } from "../experts/index.js";
import { buildLayer, expectEqualsLoop, KINDS, normal, SIZES } from "../fixtures/check-layer.js";
import { TinyRouter } from "../fixtures/routers.js";
import { disposeParameters, parameters } from "../parameters.js";
import { type CapacityPriority, ExpertMap, LocalDispatcher, MoeLayer, tokensPerExpert } from "./index.js";

const mixed = () => {
  const ffn = new StackedExperts({ numExperts: 2, dim: 4, hidden: 3, seed: 1, bias: true });
  return new MixedExperts({ ffn, dim: 4, constant: 1, copy: 1, zero: 1, seed: 2 });
};
const priorities: CapacityPriority[] = ["position", "first-choice", "probs"];
const layers: Record<string, () => MoeLayer> = {
  ...Object.fromEntries(KINDS.map((kind) => [kind, () => buildLayer(kind, { ...SIZES, dim: 4 })])),
  "all kinds of experts": () => new MoeLayer({ router: new TinyRouter("token-choice", 5, 4, 2), experts: mixed() }),
  "tied and replicated experts": () => {
    const experts = new StackedExperts({ numExperts: 3, dim: 4, hidden: 3, seed: 1 });
    return new MoeLayer({ router: new TinyRouter("token-choice", 3, 4, 2), experts, dispatcher: new LocalDispatcher(new ExpertMap([[0, 2], [1], [1]], 3)) });
  },
  ...Object.fromEntries(
    priorities.map((priority) => [
      `capacity by ${priority}`,
      () => new MoeLayer({ router: new TinyRouter("token-choice", 5, 4, 2), experts: mixed(), capacity: { factor: 0.8, priority } }),
    ]),
  ),
};

for (const backend of ["remote-cpu", "webgpu"] as const) {
  await describeOn(backend, () => {
    it.each(KINDS)("MoeLayer equals a loop over tokens in output and every gradient (%s)", expectEqualsLoop);

    it.each(Object.keys(layers))("neither forward nor backward of MoeLayer reads data back (%s)", async (name) => {
      const layer = layers[name]!();
      const [x, valid] = [normal(6, 4), tf.ones([6]) as Tensor1D];
      const { value, grads } = withoutReads(() =>
        tf.variableGrads(() => {
          const { y, routing } = layer.forward(x, { training: true, valid });
          tokensPerExpert(routing, valid);
          return tf.sum(tf.square(y));
        }),
      );
      expect(Object.keys(grads)).toHaveLength(Object.keys(parameters(layer)).length);
      const sums = await Promise.all([value, ...Object.values(grads).map((grad) => tf.sum(grad))].map((t) => t.data()));
      expect(sums.every(([sum]) => Number.isFinite(sum))).toBe(true);
      disposeParameters(layer);
    });

    it("a read in the layer is an error", () => {
      const layer = buildLayer("token-choice");
      const router = { ...layer.router, numExperts: layer.router.numExperts, route: (input: typeof x) => (input.dataSync(), layer.router.route(input, {})) };
      const x = tf.mul(normal(SIZES.numTokens, SIZES.dim), 1) as ReturnType<typeof normal>;
      expect(() => withoutReads(() => new MoeLayer({ router, experts: layer.experts }).forward(x))).toThrow("read back");
      disposeParameters(layer);
    });
  });
}

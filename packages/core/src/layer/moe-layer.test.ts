import * as tf from "@tensorflow/tfjs";
import type { Tensor, Tensor2D, Variable } from "@tensorflow/tfjs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { MixedExperts, SharedExpert, StackedExperts } from "../experts/index.js";
import { REMOTE, TEST_BACKENDS, useBackend } from "../fixtures/backends.js";
import { type Arrays, differences, moeByLoop, type MoeSizes } from "../fixtures/moe-by-loop.js";
import { fixedRouter, type RoutingKind, TinyRouter, tokenChoice } from "../fixtures/routers.js";
import { disposeParameters, parameters } from "../parameters.js";
import { randomNormal } from "../random.js";
import type { DispatchPlan, ExpertBank } from "../types.js";
import { type CapacityPriority, ExpertMap, LocalDispatcher, MoeLayer, tokensPerExpert } from "./index.js";

const KINDS: RoutingKind[] = ["token-choice", "expert-choice", "dense-mix"];
const SIZES = { numTokens: 7, dim: 5, numExperts: 4, hidden: 3, choices: 2, sharedHidden: 2 };
const identity = (numExperts: number): ExpertBank => ({ numExperts, forward: (x) => x });
const normal = (rows: number, columns: number, stream = "x") => tf.tensor2d(randomNormal(rows * columns, { seed: 3, stream }), [rows, columns]);

function buildLayer(kind: RoutingKind, { dim, numExperts, hidden, choices, sharedHidden } = SIZES) {
  const router = new TinyRouter(kind, numExperts, dim, choices);
  const experts = new StackedExperts({ numExperts, dim, hidden, seed: 1, std: 0.5 });
  const shared = new SharedExpert({ dim, hidden: sharedHidden, gated: true, seed: 2, std: 0.5 });
  return new MoeLayer({ router, experts, shared });
}

/** The layer's variables under the names of the loop reference. */
function named(layer: MoeLayer): Record<Exclude<keyof Arrays, "x">, Variable> {
  const p = parameters(layer);
  const of = (path: string) => p[path]!;
  return {
    router: of("router.weight"), gate: of("experts.gate"), up: of("experts.up"), down: of("experts.down"),
    sharedGate: of("shared.ffn.gate"), sharedUp: of("shared.ffn.up"), sharedDown: of("shared.ffn.down"), sharedSigmoid: of("shared.gate"),
  };
}

const onHost = (tensors: Record<string, Tensor>) => Object.fromEntries(Object.entries(tensors).map(([name, t]) => [name, Float64Array.from(t.dataSync())])) as unknown as Arrays;
const largestDifference = (got: ArrayLike<number>, want: ArrayLike<number>) => Math.max(...Array.from(want, (value, i) => Math.abs(value - got[i]!)));

describe.each(TEST_BACKENDS)("MoeLayer on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it.each(KINDS)("equals a loop over tokens in output and every gradient (%s)", (kind) => {
    const layer = buildLayer(kind);
    const x = normal(SIZES.numTokens, SIZES.dim);
    const weights = normal(SIZES.numTokens, SIZES.dim, "loss");
    const variables = named(layer);
    const arrays = onHost({ x, ...variables });
    const sizes: MoeSizes = { kind, ...SIZES };
    const y = layer.forward(x).y;
    // float32 sums of at most 12 products of numbers around 1.
    expect(largestDifference(y.dataSync(), moeByLoop(arrays, sizes))).toBeLessThan(2e-6);

    const loss = (input: Tensor) => tf.sum(tf.mul(layer.forward(input as Tensor2D).y, weights)) as tf.Scalar;
    const grads: Record<string, Tensor> = { x: tf.grad(loss)(x), ...onlyValues(tf.variableGrads(() => loss(x)).grads, variables) };
    const lossByLoop = (a: Arrays) => moeByLoop(a, sizes).reduce((sum, value, i) => sum + value * weights.dataSync()[i]!, 0);
    for (const name of Object.keys(arrays) as (keyof Arrays)[]) {
      expect(largestDifference(grads[name]!.dataSync(), differences(lossByLoop, arrays, name)), name).toBeLessThan(2e-5);
    }
    disposeParameters(layer);
  });

  it("gives back its input when the experts do nothing and gates sum to 1", () => {
    const x = normal(5, 3);
    const routing = tokenChoice([[0, 1], [2, 0], [1, 2], [0, 2], [2, 1]], [[0.5, 0.5], [0.25, 0.75], [1, 0], [0.625, 0.375], [0, 1]], 3);
    const { y } = new MoeLayer({ router: fixedRouter(routing), experts: identity(3) }).forward(x);
    expect(largestDifference(y.dataSync(), x.dataSync())).toBeLessThan(1e-6);
  });

  it.each(KINDS)("permuting tokens permutes the output (%s)", (kind) => {
    const layer = buildLayer(kind);
    const x = normal(SIZES.numTokens, SIZES.dim);
    const order = tf.tensor1d([3, 6, 0, 5, 1, 4, 2], "int32");
    const permuted = layer.forward(tf.gather(x, order) as Tensor2D).y;
    const wanted = tf.gather(layer.forward(x).y, order);
    expect(largestDifference(permuted.dataSync(), wanted.dataSync())).toBeLessThan(1e-6);
    disposeParameters(layer);
  });

  it("gives unselected experts a gradient of exactly zero", () => {
    const experts = new StackedExperts({ numExperts: 3, dim: 4, hidden: 2, seed: 1, bias: true });
    const layer = new MoeLayer({ router: fixedRouter(tokenChoice([[2], [0], [2]], [[1], [1], [1]], 3)), experts });
    const { grads } = tf.variableGrads(() => tf.sum(tf.square(tf.add(layer.forward(normal(3, 4)).y, 1))));
    for (const grad of Object.values(grads)) {
      const [first, second, third] = tf.unstack(tf.sum(tf.abs(tf.reshape(grad, [3, -1])), 1)).map((t) => t.dataSync()[0]!);
      expect([first! > 0, second, third! > 0]).toEqual([true, 0, true]);
    }
    disposeParameters(layer);
  });

  it("takes no tokens, and one", () => {
    const layer = buildLayer("token-choice");
    expect(layer.forward(tf.zeros([0, SIZES.dim])).y.shape).toEqual([0, SIZES.dim]);
    expect(layer.forward(normal(1, SIZES.dim)).y.shape).toEqual([1, SIZES.dim]);
    disposeParameters(layer);
  });

  it("leaves no tensors behind", () => {
    const before = tf.memory().numTensors;
    for (const kind of KINDS) {
      const layer = buildLayer(kind);
      const x = normal(SIZES.numTokens, SIZES.dim);
      const { y, routing } = layer.forward(x);
      const { value, grads } = tf.variableGrads(() => tf.sum(layer.forward(x).y));
      tf.dispose([y, x, value]);
      tf.dispose(grads);
      tf.dispose(routing as never);
      disposeParameters(layer);
    }
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe("MoeLayer where reading is not synchronous", () => {
  beforeEach(() => useBackend(REMOTE));
  afterEach(() => vi.restoreAllMocks());

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

  it.each(Object.keys(layers))("neither forward nor backward reads data back (%s)", (name) => {
    const layer = layers[name]!();
    const x = normal(6, 4);
    const reads = [vi.spyOn(tf.engine(), "readSync"), vi.spyOn(tf.engine(), "read")];
    const { value, grads } = tf.variableGrads(() => {
      const { y, routing } = layer.forward(x, { training: true, valid: tf.ones([6]) as tf.Tensor1D });
      tokensPerExpert(routing, tf.ones([6]) as tf.Tensor1D);
      return tf.sum(tf.square(y));
    });
    expect(Object.keys(grads)).toHaveLength(Object.keys(parameters(layer)).length);
    expect(reads.map((read) => read.mock.calls.length)).toEqual([0, 0]);
    expect(Number.isFinite(value.dataSync()[0])).toBe(true);
    expect(reads[0]!.mock.calls.length).toBe(1);
    disposeParameters(layer);
  });
});

describe("MoeLayer", () => {
  beforeEach(() => useBackend("cpu"));

  it("uses the capacity factor of training only in training", () => {
    // 4 tokens all to expert 0 of 2: ceil(0.5 * 4 / 2) = 1 slot in training, ceil(1 * 4 / 2) = 2 otherwise.
    const routing = tokenChoice([[0], [0], [0], [0]], [[1], [1], [1], [1]], 2);
    const layer = new MoeLayer({ router: fixedRouter(routing), experts: identity(2), capacity: { factor: 0.5, evalFactor: 1 } });
    const ones = tf.ones([4, 1]) as Tensor2D;
    expect([...layer.forward(ones, { training: true }).y.dataSync()]).toEqual([1, 0, 0, 0]);
    expect([...layer.forward(ones).y.dataSync()]).toEqual([1, 1, 0, 0]);
  });

  it("hands the bank one plan with rows grouped by expert", () => {
    const seen: DispatchPlan[] = [];
    const spy: ExpertBank = { numExperts: 3, forward: (x, plan) => (seen.push(plan), tf.keep(plan.offsets), x) };
    new MoeLayer({ router: fixedRouter(tokenChoice([[2, 0], [0, -1]], [[1, 1], [1, 0]], 3)), experts: spy }).forward(tf.ones([2, 1]));
    expect([...seen[0]!.offsets.dataSync()]).toEqual([0, 2, 2, 3]);
  });

  it("refuses a bank of another size than the router's", () => {
    expect(() => new MoeLayer({ router: fixedRouter(tokenChoice([[0]], [[1]], 3)), experts: identity(2) })).toThrow("MoeLayer: the bank must have 3 experts");
  });

  it("refuses capacity where tokens do not choose", () => {
    const layer = new MoeLayer({ router: new TinyRouter("dense-mix", 2, 1, 1), experts: identity(2), capacity: { factor: 1 } });
    expect(() => layer.forward(tf.ones([2, 1]))).toThrow("capacity applies to token choice; this router decides by dense-mix");
  });

  it("refuses an input that is not a matrix", () => {
    expect(() => buildLayer("token-choice").forward(tf.ones([2, 3, 4]) as never)).toThrow("MoeLayer: x must be [T, D]; got [2, 3, 4]");
  });
});

/** Gradients by the names of the loop reference instead of those of tfjs. */
function onlyValues(grads: tf.NamedTensorMap, variables: Record<string, Variable>): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(variables).map(([name, variable]) => [name, grads[variable.name]!]));
}

import * as tf from "@tensorflow/tfjs";
import type { Tensor, Tensor2D, Tensor3D, Tensor4D } from "@tensorflow/tfjs";
import { defineOp } from "../../define-op.js";
import { ShapeError } from "../../errors.js";
import { checkTensor } from "../check.js";

/**
 * Which dimensions turn together: `half` pairs i with i + r/2 (Llama, GPT-NeoX), `interleaved` 2i with 2i + 1 (GPT-J, DeepSeek).
 * @example const layout: RotaryLayout = "half";
 */
export type RotaryLayout = "half" | "interleaved";

/** The op behind {@link rotary}. @example rotaryOp.spec.name; // "MoekitRotary" */
export const rotaryOp = defineOp<{ x: Tensor4D; cos: Tensor; sin: Tensor }, { layout: RotaryLayout }>({
  name: "MoekitRotary",
  reference: ({ x, cos, sin }, { layout }) => {
    if (x.size === 0) return tf.zeros(x.shape);
    const pairs = cos.shape[cos.rank - 1]!;
    const [c, s] = [perHead(cos), perHead(sin)];
    const [a, b] = splitPairs(x, pairs, layout);
    const turned = joinPairs(tf.sub(tf.mul(a, c), tf.mul(b, s)), tf.add(tf.mul(a, s), tf.mul(b, c)), layout);
    const passed = x.shape[3] - 2 * pairs;
    return passed === 0 ? turned : tf.concat([turned, tf.slice(x, [0, 0, 0, 2 * pairs], [-1, -1, -1, passed])], 3);
  },
  // Turning back is turning by the negative angle.
  gradient: ([dy], { inputs: { cos, sin } }, { layout }) => ({ x: () => turn(dy as Tensor4D, cos, tf.neg(sin), layout) }),
});

/**
 * Rotary position embedding: turns each pair `(a, b)` of a head's first r dimensions by the angle of its position,
 * `(a cos - b sin, a sin + b cos)`. Dimensions past r pass unchanged.
 *
 * @param x - `[B, S, H, d]` float32.
 * @param cos - `[S, r/2]`, or `[B, S, r/2]` where sequences have positions of their own; r at most d. No gradient.
 * @param sin - The same shape.
 * @returns `[B, S, H, d]`.
 * @throws ShapeError if the shapes do not fit together.
 * @source Su et al. 2021, arXiv:2104.09864, eq. 34.
 * @example rotary(tf.tensor4d([[[[1, 0]]]]), tf.tensor2d([[0]]), tf.tensor2d([[1]]), "half").print(); // [[[[0, 1]]]]
 */
export function rotary(x: Tensor4D, cos: Tensor2D | Tensor3D, sin: Tensor2D | Tensor3D, layout: RotaryLayout): Tensor4D {
  checkTensor(x, { in: "rotary", name: "x", shape: [null, null, null, null], axes: "[B, S, H, d]" });
  const [batch, length, , width] = x.shape;
  const shape = cos.rank === 3 ? [batch, length, null] : [length, null];
  checkTensor(cos, { in: "rotary", name: "cos", shape, axes: cos.rank === 3 ? "[B, S, r/2]" : "[S, r/2]" });
  checkTensor(sin, { in: "rotary", name: "sin", shape: cos.shape, axes: "the shape of cos" });
  const turned = 2 * cos.shape[cos.rank - 1]!;
  if (turned > width) throw new ShapeError(`rotary: cos turns ${turned} dimensions, but heads have ${width}.`);
  return turn(x, cos, sin, layout);
}

function turn(x: Tensor4D, cos: Tensor, sin: Tensor, layout: RotaryLayout): Tensor4D {
  return rotaryOp.run({ x, cos, sin }, { layout })[0] as Tensor4D;
}

/** `[S, p]` to `[S, 1, p]`, `[B, S, p]` to `[B, S, 1, p]`: alike for all heads. */
const perHead = (table: Tensor): Tensor => tf.expandDims(table, -2);

function splitPairs(x: Tensor4D, pairs: number, layout: RotaryLayout): [Tensor, Tensor] {
  const [B, S, H] = x.shape;
  const turned = tf.slice(x, [0, 0, 0, 0], [B, S, H, 2 * pairs]);
  if (layout === "half") return tf.split(turned, 2, 3) as [Tensor, Tensor];
  const [a, b] = tf.split(tf.reshape(turned, [B * S, H, pairs, 2]), 2, 3);
  return [tf.reshape(a!, [B, S, H, pairs]), tf.reshape(b!, [B, S, H, pairs])];
}

function joinPairs(a: Tensor, b: Tensor, layout: RotaryLayout): Tensor {
  if (layout === "half") return tf.concat([a, b], 3);
  const [B, S, H, pairs] = a.shape as [number, number, number, number];
  const rows = (t: Tensor) => tf.reshape(t, [B * S * H * pairs, 1]);
  return tf.reshape(tf.concat([rows(a), rows(b)], 1), [B, S, H, 2 * pairs]);
}

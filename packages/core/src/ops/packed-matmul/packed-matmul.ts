import * as tf from "@tensorflow/tfjs";
import type { Tensor, Tensor2D } from "@tensorflow/tfjs";
import { defineOp } from "../../define-op.js";
import { ShapeError } from "../../errors.js";
import { checkPacked, type PackedMatrix, unpackRows } from "../../packed/packed-matrix.js";
import { matmul2d } from "../matmul.js";
import { asRows } from "../rows.js";
import { range } from "../segments.js";

/** Numbers that the references unpack at a time, so that a large matrix never stands unpacked as a whole. */
const CHUNK = 1 << 20;

/** The op behind {@link packedMatmul}. @example packedMatmulOp.spec.name; // "MoekitPackedMatmul" */
export const packedMatmulOp = defineOp<{ x: Tensor }, { packed: PackedMatrix }>({
  name: "MoekitPackedMatmul",
  reference: ({ x }, { packed }) => {
    const parts = chunksOf(packed).map(({ first, rows }) => tf.tidy(() => matmul2d(asRows(x), unpacked(packed, first, rows), false, true)));
    return tf.reshape(tf.concat(parts, 1), [...x.shape.slice(0, -1), packed.shape[0]]);
  },
  gradient: ([dy], { inputs: { x } }, { packed }) => ({ x: () => tf.reshape(packedMatmulInputOp.run({ dy: dy! }, { packed })[0]!, x.shape) }),
});

/**
 * Backward form to the input: `dx = dy W`; `[..., O]` to `[N, I]`. No gradient.
 * @example packedMatmulInputOp.spec.name; // "MoekitPackedMatmulInput"
 */
export const packedMatmulInputOp = defineOp<{ dy: Tensor }, { packed: PackedMatrix }>({
  name: "MoekitPackedMatmulInput",
  reference: ({ dy }, { packed }) => {
    const dy_NO = asRows(dy);
    const part = (first: number, rows: number) => matmul2d(tf.slice(dy_NO, [0, first], [-1, rows]), unpacked(packed, first, rows));
    return chunksOf(packed).reduce<Tensor>((sum, { first, rows }) => tf.tidy(() => tf.add(sum, part(first, rows))), tf.zeros([dy_NO.shape[0], packed.shape[1]]));
  },
});

/**
 * A linear map with packed weights: `y = x W^T`. Weights are constants: the gradient flows to x only.
 *
 * @param x - `[..., I]` float32, at least one leading axis.
 * @param packed - `[O, I]` in any format.
 * @returns `[..., O]`.
 * @throws ShapeError if the shapes do not fit together.
 * @example packedMatmul(tf.ones([1, 32]), packMatrix(new Float32Array(64), [2, 32], q8_0)).shape; // [1, 2]
 */
export function packedMatmul(x: Tensor, packed: PackedMatrix): Tensor {
  const inSize = packed.shape[1];
  const fits = x.dtype === "float32" && x.rank >= 2 && x.shape[x.rank - 1] === inSize;
  if (!fits) throw new ShapeError(`packedMatmul: x must be float32 [..., I] = [..., ${inSize}]; got ${x.dtype} [${x.shape.join(", ")}].`);
  checkPacked("packedMatmul", packed);
  return packedMatmulOp.run({ x }, { packed })[0]!;
}

/** Pieces of rows of about {@link CHUNK} numbers. */
export function chunksOf({ shape: [rows, columns] }: PackedMatrix): { first: number; rows: number }[] {
  const size = Math.max(1, Math.floor(CHUNK / columns));
  return range(Math.ceil(rows / size)).map((chunk) => ({ first: chunk * size, rows: Math.min(size, rows - chunk * size) }));
}

const unpacked = (packed: PackedMatrix, first: number, rows: number): Tensor2D => tf.tensor2d(unpackRows(packed, first, rows), [rows, packed.shape[1]]);

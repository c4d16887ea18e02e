import type { Tensor } from "@tensorflow/tfjs";
import { ShapeError } from "../errors.js";

/** What {@link checkTensor} names in its message. */
export interface TensorExpectation {
  /** The public function that checks, e.g. `combine`. */
  readonly in: string;
  /** The argument, e.g. `gates`. */
  readonly name: string;
  /** Required sizes; null where any size will do. */
  readonly shape: readonly (number | null)[];
  /** Meaning of the axes, e.g. `[T, K]`. */
  readonly axes: string;
  readonly dtype?: "float32" | "int32";
  /** The usual cause and its cure, as a sentence. */
  readonly hint?: string;
}

/** Throws a ShapeError unless `tensor` has the rank, sizes and dtype (default float32) that are expected of it. */
export function checkTensor(tensor: Tensor, { in: where, name, shape, axes, dtype = "float32", hint }: TensorExpectation): void {
  const fits = tensor.rank === shape.length && shape.every((size, axis) => size === null || size === tensor.shape[axis]);
  const wanted = `${axes} = [${shape.map((size) => size ?? "any").join(", ")}]`;
  if (!fits) throw new ShapeError(`${where}: ${name} must be ${wanted}; got [${tensor.shape.join(", ")}].${hint ? ` ${hint}` : ""}`);
  if (tensor.dtype !== dtype) throw new ShapeError(`${where}: ${name} must be ${dtype}; got ${tensor.dtype}.`);
}

import { ConfigError, ShapeError } from "@moekit/core";
import type { Tensor } from "@tensorflow/tfjs";

/** Throws a ConfigError unless `value` is a whole number from `min` to `max`. */
export function checkWhole(where: string, name: string, value: number, min: number, max = Infinity): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new ConfigError(`${where}: ${name} must be a whole number ${range(min, max)}; got ${value}.`);
}

/** Throws a ConfigError unless `value` is a finite number above 0. */
export function checkPositive(where: string, name: string, value: number): void {
  if (Number.isFinite(value) && value > 0) return;
  throw new ConfigError(`${where}: ${name} must be a number above 0; got ${value}.`);
}

/** Throws a ShapeError unless the tensor has this shape and dtype; null stands for any size. */
export function checkOverride(where: string, name: string, tensor: Tensor, shape: readonly (number | null)[], dtype: "float32" | "int32"): void {
  const fits = tensor.rank === shape.length && shape.every((size, axis) => size === null || size === tensor.shape[axis]);
  if (fits && tensor.dtype === dtype) return;
  const wanted = shape.map((size) => size ?? "any").join(", ");
  throw new ShapeError(`${where}: context.overrides.${name} must be ${dtype} [${wanted}]; got ${tensor.dtype} [${tensor.shape.join(", ")}].`);
}

const range = (min: number, max: number): string => (max === Infinity ? `from ${min} up` : `from ${min} to ${max}`);

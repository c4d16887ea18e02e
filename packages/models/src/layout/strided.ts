import { rowMajor, type Place } from "./place.js";

/** True if a view of this shape is the whole tensor in its own order. */
export function isWhole({ fileShape, offset, strides }: Omit<Place, "names">, shape: readonly number[]): boolean {
  const count = (sizes: readonly number[]) => sizes.reduce((product, size) => product * size, 1);
  return offset === 0 && count(fileShape) === count(shape) && rowMajor(shape).every((stride, axis) => stride === strides[axis]);
}

/** Copies a view of `from` to `to`, which has it in row-major order. */
export function gather(from: Float32Array, { offset, strides }: Omit<Place, "names">, shape: readonly number[], to: Float32Array): void {
  walk(shape, strides, offset, (at, start, count, step) => {
    for (let i = 0; i < count; i++) to[at + i] = from[start + i * step]!;
  });
}

/** The opposite of {@link gather}: writes row-major values into a view of `to`. */
export function scatter(from: Float32Array, { offset, strides }: Omit<Place, "names">, shape: readonly number[], to: Float32Array): void {
  walk(shape, strides, offset, (at, start, count, step) => {
    for (let i = 0; i < count; i++) to[start + i * step] = from[at + i]!;
  });
}

/** The element of the tensor where each row of a view begins. */
export function rowStarts({ offset, strides }: Omit<Place, "names">, shape: readonly number[]): number[] {
  const starts: number[] = [];
  walk(shape, strides, offset, (_at, start) => starts.push(start));
  return starts;
}

/** Calls `line` for each run along the last axis: where it begins in the row-major copy and in the tensor. */
function walk(shape: readonly number[], strides: readonly number[], offset: number, line: (at: number, start: number, count: number, step: number) => void): void {
  const count = shape.at(-1) ?? 1;
  const leading = shape.slice(0, -1);
  const lines = leading.reduce((product, size) => product * size, 1);
  for (let index = 0; index < lines; index++) {
    let start = offset;
    for (let axis = leading.length - 1, rest = index; axis >= 0; axis--) {
      start += (rest % leading[axis]!) * strides[axis]!;
      rest = Math.floor(rest / leading[axis]!);
    }
    line(index * count, start, count, strides.at(-1) ?? 1);
  }
}

import { expect } from "vitest";

/** How {@link largestError} measures: absolute for small numbers, relative for large ones. */
const errorOf = (got: number | undefined, want: number): number => (Object.is(got, want) || got === want ? 0 : Math.abs(got! - want) / (1 + Math.abs(want)));

/**
 * Largest `|got - want| / (1 + |want|)` and where it is. Equal infinities and two NaN count as 0; any other NaN is an
 * error of NaN, which no tolerance allows.
 * @example largestError([1, 2.5], [1, 2]); // { error: 0.166..., index: 1 }
 */
export function largestError(got: ArrayLike<number>, want: ArrayLike<number>): { error: number; index: number } {
  let worst = { error: 0, index: -1 };
  for (let index = 0; index < want.length; index++) {
    const error = errorOf(got[index], want[index]!);
    if (Number.isNaN(error)) return { error, index };
    if (error > worst.error) worst = { error, index };
  }
  return worst;
}

interface ArrayMatchers<R> {
  /**
   * Passes if both have the same length and no element has `|got - want| / (1 + |want|)` above `tolerance`.
   * @example expect(await y.data()).toBeCloseToArray([1, 2, 3], 1e-6);
   */
  toBeCloseToArray(want: ArrayLike<number>, tolerance: number): R;
}

declare module "vitest" {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type, @typescript-eslint/no-explicit-any -- vitest's own declaration, extended
  interface Matchers<T = any> extends ArrayMatchers<T> {}
}

expect.extend({
  toBeCloseToArray(got: ArrayLike<number>, want: ArrayLike<number>, tolerance: number) {
    const { error, index } = largestError(got, want);
    const sameLength = got.length === want.length;
    const message = () => (sameLength ? `element ${index} is ${got[index]}, wanted ${want[index]}: error ${error} > ${tolerance}` : `length is ${got.length}, wanted ${want.length}`);
    return { pass: sameLength && error <= tolerance, message, actual: Array.from(got), expected: Array.from(want) };
  },
});

import { expect, test } from "vitest";
import { compact, duration, fixed, listed, percent, precise, significant, tickText } from "./numbers.js";

test("compact numbers have three digits and a unit", () => {
  expect([0, 7, 999, 1234, 999_900, 1_234_567, 7.4e9, 2e12, -1500].map(compact)).toEqual(["0", "7", "999", "1.23 k", "1 M", "1.23 M", "7.4 G", "2 T", "-1.5 k"]);
});

test("significant digits drop trailing zeros, precise ones keep them", () => {
  expect([significant(1.5), significant(0.00123456), significant(46.4, 4), significant(123456)]).toEqual(["1.5", "0.00123", "46.4", "123 k"]);
  expect([precise(1.5), precise(0.5, 2), precise(46.4, 4), precise(0.0011, 2), precise(0), precise(12345, 4)]).toEqual(["1.50", "0.50", "46.40", "0.0011", "0", "12,345"]);
});

test("ticks, percents and durations", () => {
  expect([0.1, 2500, 20_000, 1.5e6].map(tickText)).toEqual(["0.1", "2500", "20k", "1.5M"]);
  expect([percent(0.125), percent(0.125, 1), fixed(1 / 3, 2)]).toEqual(["13 %", "12.5 %", "0.33"]);
  expect([4.2, 59.94, 252.3, 3600, 7325].map(duration)).toEqual(["4.2 s", "60 s", "4 min 12 s", "1 h 0 min", "2 h 2 min"]);
});

test("what is not finite is no number in words", () => {
  expect([significant(NaN), precise(Infinity), compact(NaN), percent(NaN), fixed(NaN, 2)]).toEqual(Array(5).fill("no value"));
});

test("lists read as sentences", () => {
  expect([[], ["a"], ["a", "b"], ["a", "b", "c"]].map(listed)).toEqual(["", "a", "a and b", "a, b and c"]);
});

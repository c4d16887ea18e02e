import { expect, it } from "vitest";
import { largestError } from "./close-to.js";

it("measures |got - want| / (1 + |want|) and finds the worst element", () => {
  expect(largestError([1, 2.5, 9], [1, 2, 9])).toEqual({ error: 0.5 / 3, index: 1 });
});

it("takes infinities and NaN as equal to themselves only", () => {
  expect([NaN, Infinity, -Infinity]).toBeCloseToArray([NaN, Infinity, -Infinity], 0);
  expect([NaN]).not.toBeCloseToArray([0], Infinity);
  expect([0]).not.toBeCloseToArray([NaN], 1);
  expect([Infinity]).not.toBeCloseToArray([-Infinity], 1);
});

it("does not take a shorter or longer array", () => {
  expect([1]).not.toBeCloseToArray([1, 2], 1);
  expect([1, 2]).not.toBeCloseToArray([1], 1);
  expect(() => expect([1, 2]).toBeCloseToArray([1, 2.1], 1e-3)).toThrow("element 1 is 2, wanted 2.1");
});

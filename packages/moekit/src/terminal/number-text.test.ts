import { expect, it } from "vitest";
import { duration, short } from "./number-text.js";
import { table } from "./table.js";

it.each([[0, "0"], [999, "999"], [1000, "1.00 k"], [2041216, "2.04 M"], [6.9e9, "6.90 G"]])("short(%d)", (value, text) => expect(short(value)).toBe(text));

it.each([[0.52, "0.5 s"], [59.7, "1 min 0 s"], [75, "1 min 15 s"]])("duration(%d)", (value, text) => expect(duration(value)).toBe(text));

it("tables align numbers to the right and words to the left", () => {
  const text = table(["name", "n", "why"], [["a", "1.25", "no"], ["long", "10", "because"]]);
  expect(text.split("\n")).toEqual(["name     n  why", "----  ----  -------", "a     1.25  no", "long    10  because"]);
});

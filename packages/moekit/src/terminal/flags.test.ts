import { describe, expect, it } from "vitest";
import { checkFlags, numberFlag } from "./flags.js";

const flags = { dir: { type: "positional" }, out: { type: "string" }, json: { type: "boolean" } } as const;

describe("checkFlags", () => {
  it.each([[["a", "--out", "b", "--json"]], [["--out=b", "a"]], [[]], [["--out", "-1"]]])("accepts %j", (args) => {
    expect(() => checkFlags(args, flags)).not.toThrow();
  });

  it.each([
    [["a", "--ouut", "b"], "unknown option --ouut; the options are --out, --json"],
    [["a", "--out"], "--out needs a value"],
    [["a", "--out", "--json"], "--out needs a value"],
    [["a", "--json=yes"], '--json takes no value; got "yes"'],
    [["a", "b"], 'unexpected argument "b"'],
    [["--no-json"], "unknown option --no-json"],
    [["--constructor"], "unknown option --constructor"],
  ])("refuses %j", (args, message) => {
    expect(() => checkFlags(args, flags)).toThrow(message);
  });
});

describe("numberFlag", () => {
  it("reads numbers, and nothing where nothing was given", () => {
    expect(numberFlag("t", "0.5", { least: 0 })).toBe(0.5);
    expect(numberFlag("t", undefined, {})).toBeUndefined();
  });

  it.each([
    ["x", {}, '--n must be a number; got "x"'],
    ["", {}, "--n must be a number"],
    ["1.5", { whole: true, least: 1 }, '--n must be a whole number of at least 1; got "1.5"'],
    ["0", { above: 0, most: 1 }, '--n must be a number above 0 and at most 1; got "0"'],
    ["Infinity", { most: 1 }, "--n must be a number at most 1"],
  ])("refuses %j", (text, range, message) => {
    expect(() => numberFlag("n", text, range)).toThrow(message);
  });
});

import { isMoekitError } from "@moekit/core";
import { beforeEach, describe, expect, it } from "vitest";
import { balancingMethods, CountBuffer, lossByName, lossNames, LossFreeBias } from "./index.js";
import { LOGITS, routed, useBackend } from "./testing/layer-routing.js";

/** What must be given. */
const NEEDED: Record<string, Record<string, unknown>> = { deviceLoss: { groups: [[0, 1], [2]] }, bufferedGlobalBatchLoss: { buffer: new CountBuffer() } };

describe("lossByName", () => {
  beforeEach(() => useBackend("cpu"));

  it("makes every loss, which names itself as it is called", () => {
    for (const name of lossNames) expect(lossByName(name).create(NEEDED[name]).id).toBe(name);
    const [term] = lossByName("switchLoss").create().loss([routed(LOGITS)]);
    expect(term!.name).toBe("switchLoss");
  });

  it("states the coefficient that a loss has by default", () => {
    for (const name of lossNames) {
      if (name === "loadLoss" || name === "sequenceLoss" || name === "bufferedGlobalBatchLoss") continue; // need more than logits
      const { facts, create } = lossByName(name);
      expect([name, create(NEEDED[name]).loss([routed(LOGITS)])[0]!.coefficient]).toEqual([name, facts.parameters.coefficient!.default]);
    }
  });

  it("takes every value that the facts list as possible, and no other", () => {
    for (const name of lossNames) {
      const { facts, create } = lossByName(name);
      for (const [setting, { default: preset, range }] of Object.entries(facts.parameters)) {
        if (typeof preset !== "string" || preset === "none" || setting === "numSequences") continue;
        for (const value of range.split(", ")) create({ ...NEEDED[name], [setting]: value });
        expect(() => create({ ...NEEDED[name], [setting]: "other" }), `${name}.${setting}`).toThrow(`${name}: ${setting} must be ${range.replaceAll(", ", " or ")}; got "other".`);
      }
    }
  });

  it.each([NaN, -1, Infinity, "0.1"])("no loss takes a coefficient of %s", (coefficient) => {
    for (const name of lossNames) expect(() => lossByName(name).create({ ...NEEDED[name], coefficient: coefficient as number }), name).toThrow(`${name}: coefficient must be a number of 0 or more; got ${coefficient}.`);
    expect(() => lossByName("zLoss").create({ coefficient: () => NaN }).loss([routed(LOGITS, { layer: 3 })])).toThrow("zLoss: coefficient of layer 3 must be a number of 0 or more; got NaN.");
    expect(() => lossByName("zLoss").create({ coefficient: [0.1, NaN] })).toThrow("got NaN");
  });

  it("names what it does not know, what it does, and what is missing", () => {
    expect(() => lossByName("switch")).toThrow('lossByName: unknown name "switch"; known names are bufferedGlobalBatchLoss, deviceLoss, entropyLoss');
    expect(() => lossByName("toString")).toThrow("unknown name");
    expect(() => lossByName("switchLoss").create({ fnorm: "tokens" })).toThrow('lossByName("switchLoss"): fnorm is not one of its settings, which are coefficient, fNorm, countUnbiased.');
    expect(() => lossByName("deviceLoss").create()).toThrow('lossByName("deviceLoss"): groups must be given (lists of expert ids); got nothing.');
    expect(() => lossByName("switchLoss").create({ countUnbiased: 1 })).toThrow("switchLoss: countUnbiased must be true or false; got 1.");
    expect(() => lossByName("switchLoss").create({ fNorm: "top1", countUnbiased: true })).toThrow("countUnbiased must be false with fNorm top1");
    try {
      lossByName("no");
      expect.unreachable();
    } catch (error) {
      expect(isMoekitError(error, "unknown-name")).toBe(true);
    }
  });
});

describe("balancingMethods", () => {
  it("are the losses and the controller, with complete facts", () => {
    expect(balancingMethods.map(({ id }) => id)).toEqual([...lossNames, new LossFreeBias({ layers: [] }).id]);
    for (const { id, parameters, ...texts } of balancingMethods) {
      for (const [field, text] of Object.entries(texts)) expect(text.length, `${id}: ${field}`).toBeGreaterThan(8);
      for (const [name, { range, meaning }] of Object.entries(parameters)) expect([range.length > 3, meaning.endsWith(".")], `${id}: ${name}`).toEqual([true, true]);
    }
  });
});

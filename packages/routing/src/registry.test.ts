import * as tf from "@tensorflow/tfjs";
import { isMoekitError, type Router } from "@moekit/core";
import { beforeEach, describe, expect, it } from "vitest";
import { routerByName, routerNames, routingMethods } from "./index.js";
import { useBackend } from "./testing/routers.js";

const gate = { dim: 4, numExperts: 8, seed: 1 };

/** The settings that a router keeps under another name or does not keep as a field. */
function defaultsOf(router: Router): Record<string, unknown> {
  const fields = router as unknown as Record<string, unknown> & { groups?: object };
  return { ...fields, ...fields.groups, routedScalingFactor: fields.scale };
}

describe("routerByName", () => {
  beforeEach(() => useBackend("cpu"));

  it("makes every method's router from the gate's options alone", () => {
    expect(routerNames).toEqual(["topK", "sigmoid", "biasedTopK", "groupLimited", "sigmoidTopK", "sparseMixer", "noisyTopK", "expertChoice", "topP"]);
    for (const name of routerNames) expect(routerByName(name).create(gate).numExperts).toBe(8);
  });

  it("has complete facts of them, and of what wraps them", () => {
    expect(routingMethods.map(({ id }) => id)).toEqual([...routerNames, "inputJitter"]);
    for (const { id, parameters, ...texts } of routingMethods) {
      for (const [field, text] of Object.entries(texts)) expect(text.length, `${id}: ${field}`).toBeGreaterThan(8);
      for (const [name, { range, meaning }] of Object.entries(parameters)) expect([range.length > 3, meaning.endsWith(".")], `${id}: ${name}`).toEqual([true, true]);
    }
  });

  it("states the defaults that the routers have", () => {
    for (const name of routerNames) {
      const { facts, create } = routerByName(name);
      const fields = defaultsOf(create({ ...gate, ...("numGroups" in facts.parameters && { numGroups: 4 }) }));
      const inWords: Record<string, unknown> = { E: 8, numGroups: 4, learned: undefined };
      for (const [setting, fact] of Object.entries(facts.parameters)) {
        const want = setting === "numGroups" ? 4 : typeof fact.default === "string" ? inWords[fact.default] : fact.default;
        expect([name, setting, fields[setting]]).toEqual([name, setting, want]);
      }
    }
    expect(routerByName("sigmoid").facts.parameters.numGroups!.default).toBe(1);
  });

  it("passes settings on", () => {
    const { gates } = routerByName("topK").create({ ...gate, topK: 3 }).route(tf.ones([2, 4]));
    expect(gates.shape).toEqual([2, 3]);
  });

  it("names what it does not know, and what it does", () => {
    expect(() => routerByName("topq")).toThrow('routerByName: unknown name "topq"; known names are biasedTopK, expertChoice, groupLimited, noisyTopK, sigmoid, sigmoidTopK, sparseMixer, topK, topP.');
    expect(() => routerByName("toString")).toThrow("unknown name");
    expect(() => routerByName("topK").create({ ...gate, renormalize: true })).toThrow('routerByName("topK"): renormalize is not one of its settings, which are topK, renormalise and those of the gate.');
    expect(() => routerByName("topK").create({ ...gate, toString: 1 })).toThrow("toString is not one of its settings");
    expect(() => routerByName("topP").create({ ...gate, maxExperts: "2" })).toThrow("maxExperts must be a whole number from 1 to 8; got 2");
    expect(() => routerByName("topK").create({ ...gate, topK: NaN })).toThrow("topK must be a whole number from 1 to 8; got NaN");
    expect(() => routerByName("topK").create({ ...gate, renormalise: "yes" })).toThrow('renormalise must be a boolean (true or false); got "yes"');
    try {
      routerByName("topK").create({ ...gate, topK: 9 });
      expect.unreachable();
    } catch (error) {
      expect(isMoekitError(error, "config")).toBe(true);
    }
  });
});

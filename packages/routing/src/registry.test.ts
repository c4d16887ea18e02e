import * as tf from "@tensorflow/tfjs";
import { isMoekitError, type Router } from "@moekit/core";
import { beforeEach, describe, expect, it } from "vitest";
import { routerByName, routingMethods } from "./index.js";
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
    expect(routingMethods.map(({ id }) => id)).toEqual(["topK", "sigmoid", "groupLimited", "noisyTopK", "expertChoice", "topP"]);
    for (const { id } of routingMethods) expect(routerByName(id).create(gate).numExperts).toBe(8);
  });

  it("states the defaults that the routers have", () => {
    for (const { id, parameters } of routingMethods) {
      const fields = defaultsOf(routerByName(id).create(gate));
      // `noiseStd` is learned and `topKGroups` all groups where left out; the facts say so in words.
      for (const [name, fact] of Object.entries(parameters)) if (name !== "noiseStd") expect([id, name, fields[name]]).toEqual([id, name, fact.default]);
    }
  });

  it("passes settings on", () => {
    const { gates } = routerByName("topK").create({ ...gate, topK: 3 }).route(tf.ones([2, 4]));
    expect(gates.shape).toEqual([2, 3]);
  });

  it("names what it does not know, and what it does", () => {
    expect(() => routerByName("topq")).toThrow('routerByName: unknown name "topq"; known names are expertChoice, groupLimited, noisyTopK, sigmoid, topK, topP.');
    expect(() => routerByName("toString")).toThrow("unknown name");
    expect(() => routerByName("topK").create({ ...gate, renormalize: true })).toThrow('routerByName("topK"): renormalize is not one of its settings, which are topK, renormalise and those of the gate.');
    expect(() => routerByName("topK").create({ ...gate, toString: 1 })).toThrow("toString is not one of its settings");
    expect(() => routerByName("topK").create({ ...gate, renormalise: "yes" })).toThrow('renormalise must be a boolean (true or false); got "yes"');
    try {
      routerByName("topK").create({ ...gate, topK: 9 });
      expect.unreachable();
    } catch (error) {
      expect(isMoekitError(error, "config")).toBe(true);
    }
  });
});

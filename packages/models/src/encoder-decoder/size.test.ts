import { disposeParameters, parameters } from "@moekit/core";
import { beforeAll, describe, expect, it } from "vitest";
import { fixtureFolder, fixtureJson, useBackend } from "../testing/fixtures.js";
import { loadEncoderDecoder } from "./checkpoint.js";
import { parseEncoderDecoderConfig } from "./parse-config.js";
import { encoderDecoderSize } from "./size.js";

describe("encoderDecoderSize", () => {
  beforeAll(() => useBackend("cpu"));

  it.each(["switch_transformers", "switch_untied_bias_gelu"])("counts the parameters that %s really has", async (family) => {
    const model = await loadEncoderDecoder(fixtureFolder(family));
    const real = Object.values(parameters(model)).reduce((sum, { size }) => sum + size, 0);
    expect(encoderDecoderSize(model.config).parameters).toBe(real);
    disposeParameters(model);
  });

  it("a token meets one expert of each layer", () => {
    const size = encoderDecoderSize(parseEncoderDecoderConfig(fixtureJson<Record<string, unknown>>("switch_transformers", "config.json")));
    // 4 layers with 6 experts of 2 x 32 x 40 weights.
    expect(size.parameters - size.activeParameters).toBe(4 * 5 * 2 * 32 * 40);
    expect(size.decoder[1]).toMatchObject({ kind: "moe", numExperts: 6, topK: 1, attentionParameters: 2 * 4 * 32 * 32 });
  });
});

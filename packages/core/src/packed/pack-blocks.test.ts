import * as tf from "@tensorflow/tfjs";
import { afterEach, beforeEach, expect, it } from "vitest";
import { registerOpKernel } from "../define-op.js";
import { q8_0 } from "../packed.js";
import { packBlocks, packMatrix } from "./index.js";

const values = Float32Array.from({ length: 64 }, (_, i) => i - 30);
const ownBytes = () => {
  const bytes = new Uint8Array(68);
  q8_0.encode(values, bytes);
  return bytes;
};

beforeEach(() => tf.setBackend("cpu"));
afterEach(() => tf.getKernel("MoekitPackBlocks", "cpu") && tf.unregisterKernel("MoekitPackBlocks", "cpu"));

it("without a kernel the format packs", () => {
  const bytes = new Uint8Array(68);
  packBlocks(values, bytes, q8_0);
  expect(bytes).toEqual(ownBytes());
});

it("with a kernel of the active backend that packs, matrices too", () => {
  registerOpKernel("MoekitPackBlocks", "cpu", ({ attrs, backend }) => {
    const { values: given, bytes, format } = attrs as unknown as { values: Float32Array; bytes: Uint8Array; format: typeof q8_0 };
    expect([given, format, backend]).toEqual([values, q8_0, tf.backend()]);
    bytes.fill(7);
    return [];
  });
  expect(packMatrix(values, [2, 32], q8_0).bytes).toEqual(new Uint8Array(68).fill(7));
});

it("a kernel of another backend does not matter", () => {
  registerOpKernel("MoekitPackBlocks", "elsewhere", () => []);
  expect(packMatrix(values, [2, 32], q8_0).bytes).toEqual(ownBytes());
  tf.unregisterKernel("MoekitPackBlocks", "elsewhere");
});

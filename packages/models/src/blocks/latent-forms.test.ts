import * as tf from "@tensorflow/tfjs";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { BACKENDS, maxDifference, useBackend } from "../testing/fixtures.js";
import { batchAmongHeads } from "./batch-among-heads.js";
import { absorbedAttention, explicitAttention, latentAttention, type LatentInput } from "./latent-forms.js";

interface Sizes {
  readonly B: number;
  readonly S: number;
  readonly L: number;
  readonly H: number;
  readonly d: number;
  readonly p: number;
  readonly e: number;
  readonly r: number;
}

type Tensors = Omit<LatentInput, "scale">;

function random({ B, S, L, H, d, p, e, r }: Sizes): Tensors {
  let seed = 0;
  const normal = <R extends tf.Rank>(shape: number[]) => tf.randomNormal<R>(shape as tf.ShapeMap[R], 0, 0.7, "float32", ++seed);
  return {
    content_BSHd: normal([B, S, H, d]),
    position_BSHp: normal([B, S, H, p]),
    latent_BLGc: normal([B, L, 1, r + p]),
    keyUp_Hdr: normal([H, d, r]),
    valueUp_Her: normal([H, e, r]),
  };
}

const SIZES: Sizes = { B: 2, S: 3, L: 5, H: 2, d: 4, p: 2, e: 3, r: 6 };
const SCALE = 0.4;

/** The definition, number by number: softmax(scale (q . W_k c + q' . k')) W_v c. */
function loop(tensors: Tensors, { B, S, L, H, d, p, e, r }: Sizes): number[] {
  const at = (name: keyof Tensors, ...index: number[]) => tensors[name].shape.reduce((sum, size, axis) => sum * size + index[axis]!, 0);
  const data = Object.fromEntries(Object.entries(tensors).map(([name, tensor]: [string, tf.Tensor]) => [name, tensor.dataSync()]));
  const get = (name: keyof Tensors, ...index: number[]) => data[name]![at(name, ...index)]!;
  const up = (name: "keyUp_Hdr" | "valueUp_Her", b: number, l: number, h: number, i: number) => range(r).reduce((sum, c) => sum + get(name, h, i, c) * get("latent_BLGc", b, l, 0, c), 0);
  const score = (b: number, s: number, l: number, h: number) => {
    const content = range(d).reduce((sum, i) => sum + get("content_BSHd", b, s, h, i) * up("keyUp_Hdr", b, l, h, i), 0);
    return SCALE * range(p).reduce((sum, i) => sum + get("position_BSHp", b, s, h, i) * get("latent_BLGc", b, l, 0, r + i), content);
  };
  return range(B).flatMap((b) => range(S).flatMap((s) => range(H).flatMap((h) => {
    const weights = range(L - S + s + 1).map((l) => Math.exp(score(b, s, l, h)));
    const total = weights.reduce((sum, w) => sum + w, 0);
    return range(e).map((i) => weights.reduce((sum, w, l) => sum + (w / total) * up("valueUp_Her", b, l, h, i), 0));
  })));
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i);

describe.each(BACKENDS)("latent attention on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it.each([["explicit", explicitAttention], ["absorbed", absorbedAttention]])("the %s form is what a loop in float64 gives", (_name, form) => {
    const tensors = random(SIZES);
    const y = form({ ...tensors, scale: SCALE });
    expect(y.shape).toEqual([2, 3, 2, 3]);
    expect(maxDifference(y.dataSync(), loop(tensors, SIZES))).toBeLessThan(1e-5);
    tf.dispose([y, tensors]);
  });

  it("both forms have the same gradients", () => {
    const tensors = random(SIZES);
    const names = Object.keys(tensors) as (keyof Tensors)[];
    const gradients = (form: typeof explicitAttention) => tf.grads((...given: tf.Tensor[]) => tf.sum(tf.square(form({ ...(Object.fromEntries(names.map((name, i) => [name, given[i]])) as unknown as Tensors), scale: SCALE }))))(Object.values(tensors) as tf.Tensor[]);
    const [explicit, absorbed] = [gradients(explicitAttention), gradients(absorbedAttention)];
    names.forEach((name, i) => expect(maxDifference(absorbed[i]!.dataSync(), explicit[i]!.dataSync()), name).toBeLessThan(2e-5));
    tf.dispose([explicit, absorbed, tensors]);
  });
});

describe("latent attention", () => {
  beforeEach(() => useBackend("cpu"));

  it("both forms agree to 1e-5 whatever the sizes, with the batch first or among the heads, and nothing is left over", () => {
    const size = fc.integer({ min: 1, max: 5 });
    const before = tf.memory().numTensors;
    fc.assert(
      fc.property(fc.record({ B: size, S: size, past: fc.nat(4), H: size, d: size, p: size, e: size, r: size }), ({ past, ...sizes }) => {
        tf.tidy(() => {
          const input = { ...random({ ...sizes, L: sizes.S + past }), scale: SCALE };
          const cached = { ...input, latent_BLGc: batchAmongHeads(input.latent_BLGc) };
          const want = explicitAttention(input).dataSync();
          for (const got of [absorbedAttention(input), explicitAttention(cached), absorbedAttention(cached)]) expect(maxDifference(got.dataSync(), want)).toBeLessThan(1e-5);
        });
      }),
      { numRuns: 60, seed: 1 },
    );
    expect(tf.memory().numTensors).toBe(before);
  });

  it("takes the explicit form for a prompt and the absorbed one for a token after it", () => {
    // Of DeepSeek-V3, with 2 of its 128 heads: the forms differ in the last bits, by which one sees which it was.
    const same = (S: number, L: number) =>
      tf.tidy(() => {
        const input = { ...random({ B: 1, S, L, H: 2, d: 128, p: 64, e: 128, r: 512 }), scale: SCALE };
        const [y, explicit, absorbed] = [latentAttention, explicitAttention, absorbedAttention].map((form) => form(input).dataSync());
        expect(maxDifference(explicit!, absorbed!)).toBeGreaterThan(0);
        return [maxDifference(y!, explicit!) === 0, maxDifference(y!, absorbed!) === 0];
      });
    expect(same(16, 16)).toEqual([true, false]);
    expect(same(1, 16)).toEqual([false, true]);
  });
});

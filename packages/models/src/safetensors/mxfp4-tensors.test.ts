import { describe, expect, it } from "vitest";
import { Mxfp4Tensors } from "./mxfp4-tensors.js";
import { SafetensorsFile } from "./safetensors-file.js";

interface Entry {
  readonly shape: readonly number[];
  readonly bytes: ArrayLike<number>;
  readonly dtype?: string;
}

async function open(tensors: Record<string, Entry>): Promise<Mxfp4Tensors> {
  let end = 0;
  const entries = Object.entries(tensors).map(([name, { shape, bytes, dtype = "U8" }]) => [name, { dtype, shape, data_offsets: [end, (end += bytes.length)] }]);
  const header = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const file = new Uint8Array(8 + header.length + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
  file.set(header, 8);
  Object.values(tensors).reduce((at, { bytes }) => (file.set(bytes, at), at + bytes.length), 8 + header.length);
  return new Mxfp4Tensors(await SafetensorsFile.fromBytes(file));
}

const packed = (blocks: Entry, scales: Entry) => ({ "w.down_proj_blocks": blocks, "w.down_proj_scales": scales });

/** A code of sign, two bits of exponent (bias 1) and one of mantissa. */
function e2m1(code: number): number {
  const [sign, exponent, mantissa] = [code & 8 ? -1 : 1, (code >> 1) & 3, code & 1];
  return sign * (exponent === 0 ? mantissa / 2 : 2 ** (exponent - 1) * (1 + mantissa / 2));
}

describe("Mxfp4Tensors", () => {
  it("puts the low half of a byte first: 0xA3 with scale 125 is .375 and -.25", async () => {
    const weights = await open(packed({ shape: [1, 1, 1, 16], bytes: [0xa3, ...new Uint8Array(15)] }, { shape: [1, 1, 1], bytes: [125] }));
    expect(weights.tensors.get("w.down_proj")).toMatchObject({ dtype: "F32", shape: [1, 32, 1] });
    const { data } = await weights.read("w.down_proj");
    expect([...data]).toEqual([0.375, -0.25, ...new Float32Array(30)]);
  });

  it("decodes every byte with every scale to the bit, and -0 to -0", async () => {
    const scales = Uint8Array.from({ length: 255 }, (_, scale) => scale);
    const bytes = Uint8Array.from({ length: 255 * 256 }, (_, i) => i % 256);
    // One row for each scale, its sixteen blocks with all bytes.
    const weights = await open(packed({ shape: [1, 255, 16, 16], bytes }, { shape: [1, 255, 16], bytes: Uint8Array.from({ length: 255 * 16 }, (_, i) => scales[Math.floor(i / 16)]!) }));
    const { data } = await weights.read("w.down_proj");
    const want = new Float32Array(512 * 255);
    for (let scale = 0; scale < 255; scale++) {
      for (let byte = 0; byte < 256; byte++) {
        want[2 * byte * 255 + scale] = e2m1(byte & 15) * 2 ** (scale - 127);
        want[(2 * byte + 1) * 255 + scale] = e2m1(byte >> 4) * 2 ** (scale - 127);
      }
    }
    expect(Buffer.from(data.buffer).equals(Buffer.from(want.buffer))).toBe(true);
  });

  it("keeps experts, rows and groups apart, inputs along the middle axis", async () => {
    // Block b (of expert b >> 2, row (b >> 1) & 1, group b & 1) holds 1 everywhere and has the scale 2^b.
    const weights = await open(packed({ shape: [2, 2, 2, 16], bytes: new Uint8Array(128).fill(0x22) }, { shape: [2, 2, 2], bytes: [0, 1, 2, 3, 4, 5, 6, 7].map((b) => 127 + b) }));
    const { shape, data } = await weights.read("w.down_proj");
    expect(shape).toEqual([2, 64, 2]);
    const want = [0, 1].flatMap((e) => Array.from({ length: 64 }, (_, i) => [0, 1].map((o) => 2 ** (4 * e + 2 * o + Math.floor(i / 32)))).flat());
    expect([...data]).toEqual(want);
  });

  it("leaves other tensors alone", async () => {
    const weights = await open({ "router_scales": { shape: [1], bytes: new Uint8Array(new Float32Array([3]).buffer), dtype: "F32" }, ids: { shape: [2], bytes: [1, 2] } });
    expect([...weights.tensors.keys()]).toEqual(["router_scales", "ids"]);
    expect([...(await weights.read("router_scales")).data, ...(await weights.read("ids")).data]).toEqual([3, 1, 2]);
  });

  const block = { shape: [1, 1, 1, 16], bytes: new Uint8Array(16) };
  const scale = { shape: [1, 1, 1], bytes: [127] };
  it.each([
    [{ "w_blocks": block }, '"w" has blocks of 4-bit floats, but "w_scales" is not there'],
    [{ "w_scales": scale }, '"w_scales" has scales, but "w_blocks" is not there'],
    [{ "w_blocks": { shape: [1, 1, 16], bytes: new Uint8Array(16) }, "w_scales": scale }, '"w" must have blocks [E, O, G, 16]; they are [1,1,16]'],
    [{ "w_blocks": block, "w_scales": { shape: [1, 1, 2], bytes: [0, 0] } }, '"w" must have scales U8 [1,1,1], one for each block; they are U8 [1,1,2]'],
    [{ "w_blocks": block, "w_scales": scale, w: scale }, '"w" is there twice'],
  ])("refuses blocks that do not fit: case %#", async (tensors, message) => {
    await expect(open(tensors)).rejects.toThrow(message);
  });

  it("refuses the scale that is not a number", async () => {
    const weights = await open(packed(block, { shape: [1, 1, 1], bytes: [255] }));
    await expect(weights.read("w.down_proj")).rejects.toThrow('"w.down_proj_scales" has the byte 255');
  });
});

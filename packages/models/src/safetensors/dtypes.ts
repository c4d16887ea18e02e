import { CheckpointError, fromF16, toBf16, toF16 } from "@moekit/core";
import { f8_e4m3 } from "@moekit/core/packed";

/**
 * Element types of safetensors files that can be read. Floats arrive as float32, integers and booleans as int32.
 * @example const dtype: SafetensorsDtype = "BF16";
 */
export type SafetensorsDtype = keyof typeof CODECS;

/**
 * Element types that floats can be written as.
 * @example await writeSafetensors("model.safetensors", tensors, { dtype: "BF16" satisfies FloatDtype });
 */
export type FloatDtype = "F32" | "F16" | "BF16";

/** How elements of one type become numbers. `decode` fills `target` from `at` on with all elements of `bytes`. */
interface Codec {
  readonly size: number;
  readonly array: typeof Float32Array | typeof Int32Array;
  /** Left out where the bytes of the file are the bytes of the array. */
  readonly decode?: (bytes: Uint8Array, target: never, at: number) => void;
}

const CODECS = {
  F64: { size: 8, array: Float32Array, decode: (b: Uint8Array, to: Float32Array, at: number) => to.set(new Float64Array(b.buffer, 0, b.length / 8), at) },
  F32: { size: 4, array: Float32Array },
  F16: { size: 2, array: Float32Array, decode: (b: Uint8Array, to: Float32Array, at: number) => decodeHalves(b, to, at, fromF16) },
  BF16: { size: 2, array: Float32Array, decode: (b: Uint8Array, to: Float32Array, at: number) => decodeHalves(b, to, at, (half) => half << 16) },
  F8_E4M3: { size: 1, array: Float32Array, decode: (b: Uint8Array, to: Float32Array, at: number) => f8_e4m3.decode(b, to.subarray(at, at + b.length)) },
  F8_E5M2: { size: 1, array: Float32Array, decode: (b: Uint8Array, to: Float32Array, at: number) => decodeBytes(b, to, at, (byte) => fromF16(byte << 8)) },
  F8_E8M0: { size: 1, array: Float32Array, decode: (b: Uint8Array, to: Float32Array, at: number) => decodeBytes(b, to, at, fromE8M0) },
  I64: { size: 8, array: Int32Array, decode: decodeI64 },
  I32: { size: 4, array: Int32Array },
  U8: { size: 1, array: Int32Array, decode: (b: Uint8Array, to: Int32Array, at: number) => to.set(b, at) },
  BOOL: { size: 1, array: Int32Array, decode: (b: Uint8Array, to: Int32Array, at: number) => to.set(b, at) },
} satisfies Record<string, Codec>;

/** Facts of a dtype; undefined for names that are not known. */
export function codecOf(dtype: string): Codec | undefined {
  return Object.hasOwn(CODECS, dtype) ? CODECS[dtype as SafetensorsDtype] : undefined;
}

/** All dtypes that can be read. */
export const knownDtypes = Object.keys(CODECS) as SafetensorsDtype[];

function decodeHalves(bytes: Uint8Array, target: Float32Array, at: number, convert: (half: number) => number): void {
  const halves = new Uint16Array(bytes.buffer, 0, bytes.length / 2);
  const bits = new Uint32Array(target.buffer, target.byteOffset + at * 4, halves.length);
  for (let i = 0; i < halves.length; i++) bits[i] = convert(halves[i]!);
}

function decodeBytes(bytes: Uint8Array, target: Float32Array, at: number, convert: (byte: number) => number): void {
  const bits = new Uint32Array(target.buffer, target.byteOffset + at * 4, bytes.length);
  for (let i = 0; i < bytes.length; i++) bits[i] = convert(bytes[i]!);
}

/** Bits of 2^(byte - 127): the exponent of a float32, of which 0 is a subnormal number and 255 is NaN. */
function fromE8M0(byte: number): number {
  if (byte === 255) return 0x7fc00000;
  return byte === 0 ? 0x00400000 : byte << 23;
}

function decodeI64(bytes: Uint8Array, target: Int32Array, at: number): void {
  const words = new Int32Array(bytes.buffer, 0, bytes.length / 4);
  for (let i = 0; i < words.length; i += 2) {
    const low = words[i]!;
    if (words[i + 1] !== low >> 31) throw new CheckpointError("readSafetensors: an I64 value does not fit int32.");
    target[at + i / 2] = low;
  }
}

/** Bytes of `values` in a float format. Throws where a finite value would become infinite. */
export function encodeFloats(values: Float32Array, dtype: FloatDtype): Uint8Array {
  if (dtype === "F32") return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  const [convert, infinity] = dtype === "BF16" ? [toBf16, 0x7f80] : [toF16, 0x7c00];
  for (let i = 0; i < halves.length; i++) {
    halves[i] = convert(bits[i]!);
    if ((halves[i]! & 0x7fff) === infinity && Number.isFinite(values[i])) throw new CheckpointError(`writeSafetensors: ${values[i]} does not fit ${dtype}. Write it as F32.`);
  }
  return new Uint8Array(halves.buffer);
}

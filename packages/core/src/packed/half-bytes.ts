/** Halves among the bytes of a block, little-endian. */
import { ConfigError } from "../errors.js";
import { fromF16, toF16 } from "./half.js";

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** Values of all halves, made when the first one is read. */
let halves: Float32Array | undefined;

function allHalves(): Float32Array {
  const bits = Uint32Array.from({ length: 1 << 16 }, (_, half) => fromF16(half));
  return new Float32Array(bits.buffer);
}

/** The half that stands at `at`. */
export function halfAt(bytes: Uint8Array, at: number): number {
  return (halves ??= allHalves())[bytes[at]! | (bytes[at + 1]! << 8)]!;
}

/** Puts the half nearest to `value` at `at` and returns it; a ConfigError if it would be infinite. */
export function setHalf(bytes: Uint8Array, at: number, value: number): number {
  scratch[0] = value;
  const half = toF16(scratchBits[0]!);
  if ((half & 0x7fff) === 0x7c00) throw new ConfigError(`packMatrix: ${value} does not fit a half (65504 at most). Pack as bf16.`);
  bytes[at] = half;
  bytes[at + 1] = half >>> 8;
  return halfAt(bytes, at);
}

/** Element types of tensors in GGUF files, by the ids of ggml. */

/** How a type lies in a file: `blockSize` numbers of a row take `blockBytes` bytes. */
export interface GgufTypeFacts {
  readonly id: number;
  readonly blockSize: number;
  readonly blockBytes: number;
}

const facts = (id: number, blockSize: number, blockBytes: number): GgufTypeFacts => ({ id, blockSize, blockBytes });

/** Ids that are not here (4, 5, 31 to 33, 36 to 38) were withdrawn. */
const TYPES: Readonly<Record<GgufTensorType, GgufTypeFacts>> = {
  f32: facts(0, 1, 4),
  f16: facts(1, 1, 2),
  q4_0: facts(2, 32, 18),
  q4_1: facts(3, 32, 20),
  q5_0: facts(6, 32, 22),
  q5_1: facts(7, 32, 24),
  q8_0: facts(8, 32, 34),
  q8_1: facts(9, 32, 36),
  q2_K: facts(10, 256, 84),
  q3_K: facts(11, 256, 110),
  q4_K: facts(12, 256, 144),
  q5_K: facts(13, 256, 176),
  q6_K: facts(14, 256, 210),
  q8_K: facts(15, 256, 292),
  iq2_xxs: facts(16, 256, 66),
  iq2_xs: facts(17, 256, 74),
  iq3_xxs: facts(18, 256, 98),
  iq1_s: facts(19, 256, 50),
  iq4_nl: facts(20, 32, 18),
  iq3_s: facts(21, 256, 110),
  iq2_s: facts(22, 256, 82),
  iq4_xs: facts(23, 256, 136),
  i8: facts(24, 1, 1),
  i16: facts(25, 1, 2),
  i32: facts(26, 1, 4),
  i64: facts(27, 1, 8),
  f64: facts(28, 1, 8),
  iq1_m: facts(29, 256, 56),
  bf16: facts(30, 1, 2),
  tq1_0: facts(34, 256, 54),
  tq2_0: facts(35, 256, 66),
  mxfp4: facts(39, 32, 17),
  nvfp4: facts(40, 64, 36),
};

/**
 * An element type of a GGUF file, in ggml's spelling.
 * @source ggml, `enum ggml_type`.
 * @example const type: GgufTensorType = "q4_K";
 */
export type GgufTensorType =
  | "f32" | "f16" | "q4_0" | "q4_1" | "q5_0" | "q5_1" | "q8_0" | "q8_1" | "q2_K" | "q3_K" | "q4_K" | "q5_K"
  | "q6_K" | "q8_K" | "iq2_xxs" | "iq2_xs" | "iq3_xxs" | "iq1_s" | "iq4_nl" | "iq3_s" | "iq2_s" | "iq4_xs" | "i8" | "i16"
  | "i32" | "i64" | "f64" | "iq1_m" | "bf16" | "tq1_0" | "tq2_0" | "mxfp4" | "nvfp4";

/** Facts of a type. */
export const typeFacts = (type: GgufTensorType): GgufTypeFacts => TYPES[type];

/** True for the name of a type. */
export const isGgufType = (name: string): name is GgufTensorType => Object.hasOwn(TYPES, name);

const NAMES = new Map(Object.entries(TYPES).map(([name, { id }]) => [id, name as GgufTensorType]));

/** The type of an id; undefined for ids that are unknown or withdrawn. */
export const typeOfId = (id: number): GgufTensorType | undefined => NAMES.get(id);

/** Bytes of a row-major tensor; its rows must be whole blocks. */
export function tensorBytes(type: GgufTensorType, numElements: number): number {
  const { blockSize, blockBytes } = TYPES[type];
  return (numElements / blockSize) * blockBytes;
}

import { UnknownNameError } from "../errors.js";
import { q4_0, q4_1, q5_0, q5_1, q8_0 } from "./blocks-of-32.js";
import { bf16, f16, f8_e4m3 } from "./float-formats.js";
import { iq4_nl, iq4_xs } from "./iq4.js";
import { q4_K, q5_K, q6_K } from "./k-quants.js";
import { q2_K, q3_K } from "./low-k-quants.js";
import { mxfp4 } from "./mxfp4.js";
import type { PackedFormat } from "./packed-matrix.js";

/** Every format. @example packedFormats.map(({ name }) => name); */
export const packedFormats: readonly PackedFormat[] = [bf16, f16, f8_e4m3, q8_0, q4_0, q4_1, q5_0, q5_1, q4_K, q5_K, q6_K, mxfp4, q2_K, q3_K, iq4_nl, iq4_xs];

/**
 * The format of that name; case does not matter.
 * @throws UnknownNameError, which lists the names, if there is none.
 * @example packedFormat("q4_k").blockBytes; // 144
 */
export function packedFormat(name: string): PackedFormat {
  const found = packedFormats.find((format) => format.name.toLowerCase() === name.toLowerCase());
  if (!found) throw new UnknownNameError({ in: "packedFormat", name, known: packedFormats.map((format) => format.name) });
  return found;
}

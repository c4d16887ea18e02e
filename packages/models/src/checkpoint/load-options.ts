import { ConfigError, disposeParameters, type PackedFormat } from "@moekit/core";
import { packedFormat } from "@moekit/core/packed";
import { PACKED_INIT, STORED_INIT, ZERO_INIT, type ModelInit } from "../blocks/model-init.js";
import type { GgufExportType } from "../gguf/export-gguf.js";
import { reserveExperts } from "./reserve-experts.js";

/**
 * How {@link loadModel} and {@link loadEncoderDecoder} keep matrices.
 * @example const options: LoadOptions = { weights: "as-stored", expertCacheBytes: 4e9 };
 */
export interface LoadOptions {
  /**
   * `float32`: as variables, to train and to edit. `as-stored`: packed as in the file, which must have them in 16 bits or
   * fewer. Another name: packed in that format (`bf16`, `f16`, `q8_0`, `q4_0`, `q4_K`, ...; rows that are not whole blocks
   * become bf16). Packed matrices are constants; norms, biases and routers stay variables. @defaultValue "float32"
   */
  readonly weights?: WeightFormat;
  /**
   * Experts stay in the file, and each is read when tokens are routed to it; at most this many bytes of them are kept in
   * memory, the same share of each layer, those used last. Their matrices must be stored in the format that `weights` asks
   * for, and the file must stay as it is. Results are the same. Left out: all experts are loaded.
   */
  readonly expertCacheBytes?: number;
}

/**
 * See {@link LoadOptions}.
 * @example const weights: WeightFormat = "as-stored";
 */
export type WeightFormat = "float32" | "as-stored" | Exclude<GgufExportType, "f32">;

/** What options mean for a model and for reading it. */
export interface Loading {
  readonly init: ModelInit;
  /** Of packed weights. Left out: as they are stored. */
  readonly format?: PackedFormat;
}

/** @throws UnknownNameError for an unknown format; ConfigError if experts are to stay in the file and not packed. */
export function loadingOf({ weights = "float32", expertCacheBytes }: LoadOptions, where: string): Loading {
  if (weights !== "float32") return { init: expertCacheBytes === undefined ? PACKED_INIT : STORED_INIT, format: weights === "as-stored" ? undefined : packedFormat(weights) };
  if (expertCacheBytes !== undefined) throw new ConfigError(`${where}: experts that stay in the file are packed; got weights "float32". Pass weights: "as-stored".`);
  return { init: ZERO_INIT };
}

/** Makes room for experts that stay in the file. @throws ConfigError if there is too little; the model is disposed of then. */
export function makeRoom(model: object, { expertCacheBytes }: LoadOptions): void {
  if (expertCacheBytes === undefined) return;
  try {
    reserveExperts(model, expertCacheBytes);
  } catch (error) {
    disposeParameters(model);
    throw error;
  }
}

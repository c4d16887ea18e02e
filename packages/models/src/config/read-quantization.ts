import type { ConfigReader } from "./config-reader.js";

/** How the matrices of files are packed. */
export type Quantization = Fp8Quantization | Mxfp4Quantization;

/** 4-bit floats in blocks of 32, as gpt-oss has them. */
export interface Mxfp4Quantization {
  readonly kind: "mxfp4";
}

/** 8-bit floats with a scale for each block. */
export interface Fp8Quantization {
  readonly kind: "fp8";
  /** Rows and columns of a block. */
  readonly block: readonly [number, number];
}

/** Reads `quantization_config`; undefined where matrices are plain. Which matrices are packed, the files themselves say. */
export function readQuantization(config: ConfigReader): Quantization | undefined {
  if (!config.has("quantization_config")) return undefined;
  const read = config.object("quantization_config");
  const method = read.text("quant_method");
  read.ignore("modules_to_not_convert", "dequantize");
  if (method === "fp8") return readFp8(read);
  if (method !== "mxfp4") return read.fail(`quant_method "${method}" is unknown; known are fp8 and mxfp4.`);
  read.finish();
  return { kind: method };
}

function readFp8(read: ConfigReader): Fp8Quantization {
  read.only("fmt", "e4m3", "8-bit floats of files are e4m3.");
  read.only("activation_scheme", "dynamic", "matrices are unpacked, and activations stay float32.");
  if (read.has("scale_fmt") && !["float", "ue8m0"].includes(read.text("scale_fmt"))) read.fail("scale_fmt must be float or ue8m0.");
  read.ignore("ignored_layers", "modules_to_convert");
  const [rows, columns] = read.has("weight_block_size") ? read.numbers("weight_block_size", 2) : [128, 128];
  if (!Number.isInteger(rows) || !Number.isInteger(columns)) read.fail(`weight_block_size must be two whole numbers; got [${rows}, ${columns}].`);
  read.finish();
  return { kind: "fp8", block: [rows!, columns!] };
}

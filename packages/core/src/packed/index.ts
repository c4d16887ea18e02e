export * from "./half.js";
export { packBlocks } from "./pack-blocks.js";
export { packedBytes, packMatrix, type PackedFormat, type PackedMatrix, unpackRows } from "./packed-matrix.js";

export * from "./half.js";
export { packedBytes, packMatrix, type PackedFormat, type PackedMatrix, unpackRows } from "./packed-matrix.js";

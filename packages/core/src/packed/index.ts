export * from "./formats.js";
export * from "./half.js";
export { packMatrix, type PackedFormat, type PackedMatrix, unpackRows } from "./packed-matrix.js";

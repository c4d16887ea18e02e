export * from "./errors.js";
export * from "./define-op.js";
export * from "./parameters.js";
export * from "./types.js";
export * from "./ops/index.js";

export * from "./adamw.js";
export * from "./muon.js";
export * from "./newton-schulz.js";
export * from "./optimizer.js";
export * from "./parameter-role.js";

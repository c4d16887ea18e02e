export * from "./constant.js";
export * from "./cosine.js";
export * from "./inverse-sqrt.js";
export * from "./schedule.js";
export * from "./wsd.js";

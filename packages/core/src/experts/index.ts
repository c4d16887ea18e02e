export * from "./mixed-experts.js";
export * from "./shared-expert.js";
export * from "./stacked-experts.js";

export * from "./capacity.js";
export * from "./expert-map.js";
export * from "./local-dispatcher.js";
export * from "./moe-layer.js";
export * from "./router-key.js";
export * from "./tokens-per-expert.js";

export { ExpertChoiceRouter, type ExpertChoiceRouterOptions } from "./expert-choice-router.js";
export type { Gate, GateOptions } from "./gate.js";
export { GroupLimitedRouter, type GroupLimitedRouterOptions } from "./group-limited-router.js";
export { JitteredRouter } from "./jittered-router.js";
export { NoisyTopKRouter, type NoisyTopKRouterOptions } from "./noisy-top-k-router.js";
export { routerByName, routerNames, routingMethods, type RouterSettings, type RoutingMethod } from "./registry.js";
export { SigmoidRouter, type SigmoidRouterOptions } from "./sigmoid-router.js";
export { TopKRouter, type TopKRouterOptions } from "./top-k-router.js";
export { TopPRouter, type TopPRouterOptions } from "./top-p-router.js";

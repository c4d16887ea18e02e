/** Cases of all ops, for the tests and benchmarks of this repository: resolved in its sources only, never published. */
export * from "./ops/cases.js";
export * from "./ops/op-case.js";

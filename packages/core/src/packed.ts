/** `@moekit/core/packed`: the formats of packed matrices, an entry of their own because few programs need them. */
export { q4_0, q4_1, q5_0, q5_1, q8_0 } from "./packed/blocks-of-32.js";
export * from "./packed/float-formats.js";
export { iq4_nl, iq4_xs } from "./packed/iq4.js";
export { q4_K, q5_K, q6_K } from "./packed/k-quants.js";
export { q2_K, q3_K } from "./packed/low-k-quants.js";
export * from "./packed/mxfp4.js";
export * from "./packed/registry.js";

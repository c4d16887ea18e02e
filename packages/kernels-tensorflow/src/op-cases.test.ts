import { opSuite } from "@moekit/testing";

// Skips where neither package is installed; MOEKIT_TFJS_NODE=DIR takes the tfjs-node of DIR (vitest.config.ts).
await opSuite("tensorflow");

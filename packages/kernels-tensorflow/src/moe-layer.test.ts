import { moeLayerSuite } from "@moekit/testing";

// All kernels at work together, with tfjs's own ops between them.
await moeLayerSuite("tensorflow");

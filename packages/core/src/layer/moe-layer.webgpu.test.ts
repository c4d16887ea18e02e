import { moeLayerSuite } from "@moekit/testing";

await moeLayerSuite("webgpu");

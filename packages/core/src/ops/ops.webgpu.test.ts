import { opSuite } from "@moekit/testing";

await opSuite("webgpu", { large: false });

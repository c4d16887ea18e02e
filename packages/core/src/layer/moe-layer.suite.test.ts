import { moeLayerSuite, PLAIN_BACKENDS } from "@moekit/testing";

for (const backend of PLAIN_BACKENDS) await moeLayerSuite(backend);

import { opSuite } from "@moekit/testing";

// References take other paths on machines that cannot read synchronously, and these need no GPU to test.
await opSuite("cpu");
await opSuite("wasm");
await opSuite("remote-cpu");

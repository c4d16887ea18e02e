import { expect, it } from "vitest";
import { nodeImport, NotInstalledError, orNotInstalled } from "./optional-import.js";

it("imports what is there", async () => {
  expect(await nodeImport("node:path")).toHaveProperty("join");
});

it("names a package that is missing", async () => {
  await expect(nodeImport("@moekit/no-such-package")).rejects.toThrow(new NotInstalledError("@moekit/no-such-package"));
});

// The words of Node, webpack, Vite's stub for optional peers, and vitest.
it.each([
  "Cannot find package 'x-kernels' imported from /app/main.js",
  "Cannot find module 'x-kernels'",
  'Could not resolve "x-kernels" imported by "@moekit/backend". Is it installed?',
  'Failed to resolve import "x-kernels" from "src/main.ts"',
])("recognises: %s", async (message) => {
  await expect(Promise.reject(new Error(message)).catch(orNotInstalled("x-kernels"))).rejects.toThrow(NotInstalledError);
});

it.each(["Cannot find package 'its-dependency' imported from /app/node_modules/x-kernels/index.js", "x-kernels: libcuda.so.1 is missing"])("passes other failures on: %s", async (message) => {
  await expect(Promise.reject(new Error(message)).catch(orNotInstalled("x-kernels"))).rejects.toThrow(message);
});

import { isMoekitError } from "@moekit/core";
import { describe, expect, it } from "vitest";
import { firstThatLoads, prebuiltPackage } from "./load-addon.js";
import { setNativeInstructionSet, setNativeThreads } from "./register.js";
import { whyNoKernels } from "./testing/native.js";

describe("loading the compiled kernels", () => {
  it("says what was tried and what to do where there are none", () => {
    let error: unknown;
    try {
      firstThatLoads(["/nowhere/moekit-native.node", "@moekit/native-plan9-mips"]);
    } catch (caught) {
      error = caught;
    }
    expect(isMoekitError(error, "unsupported-op")).toBe(true);
    const { message } = error as Error;
    for (const part of ["registerNativeBackend", "/nowhere/moekit-native.node", "@moekit/native-plan9-mips", `Install ${prebuiltPackage()}`]) expect(message).toContain(part);
  });

  it("names the package of the platform", () => {
    expect(prebuiltPackage()).toContain(`@moekit/native-${process.platform}-${process.arch}`);
  });
});

describe.skipIf(whyNoKernels)("settings refuse", () => {
  it("numbers of threads that are none", () => {
    for (const count of [0, -1, 1.5, Number.NaN]) expect(() => setNativeThreads(count)).toThrow(/whole number from 1 on; got/);
  });

  it("unknown instruction sets, listing those of the machine", () => {
    expect(() => setNativeInstructionSet("mmx")).toThrow(/unknown name "mmx"; known names are .*scalar/);
  });
});

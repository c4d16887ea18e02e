import { allCases } from "@moekit/core/cases";
import { checkOpCase } from "@moekit/testing";
import { it } from "vitest";
import { describeSettings } from "./testing/native.js";

describeSettings(() => {
  it.each(allCases.map((opCase) => [opCase.name, opCase] as const))("%s", (_, opCase) => checkOpCase(opCase));
});

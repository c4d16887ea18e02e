/**
 * The op suites on the kernels for AMX with an emulation of its instructions (native/testing/emulated_tiles.h), for machines
 * without them: `npm run build:emulated-amx` first.
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it, vi } from "vitest";
import type { LoadedAddon } from "./addon.js";
import { loadAddon } from "./load-addon.js";

const EMULATED_BUILD = fileURLToPath(new URL("../build/emulated-amx.node", import.meta.url));

vi.mock(import("./load-addon.js"), async (original) => {
  const actual = await original();
  return { ...actual, loadAddon: () => withoutOthers(actual.firstThatLoads([EMULATED_BUILD])) };
});

const reason = whySkipped();
if (reason) process.stdout.write(`skipped: ${reason}\n`);
else await Promise.all([import("./op-cases.test.js"), import("./precision.test.js"), import("./packed-int8.test.js"), import("./determinism.test.js")]);

describe.skipIf(reason)("the tests above", () => {
  it("run on the build with emulated AMX, and on that set", () => {
    const { settings, origin } = loadAddon();
    expect(origin).toBe(EMULATED_BUILD);
    expect(settings.supportedInstructionSets()).toEqual(["amx-emulated"]);
    expect(settings.instructionSet()).toBe("amx-emulated");
  });
});

/** The scalar set of that build is tested elsewhere. */
function withoutOthers(addon: LoadedAddon): LoadedAddon {
  const sets = addon.settings.supportedInstructionSets().filter((name) => name === "amx-emulated");
  return { ...addon, settings: { ...addon.settings, supportedInstructionSets: () => sets } };
}

function whySkipped(): string | undefined {
  if (!existsSync(EMULATED_BUILD)) return "there is no build with emulated AMX; npm run build:emulated-amx makes one";
  if (loadAddon().settings.supportedInstructionSets().length === 0) return "this machine has no AVX-512 BF16, on top of which AMX is emulated";
  return undefined;
}

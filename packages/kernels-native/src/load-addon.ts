import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { MoekitError } from "@moekit/core";
import type { Addon, AddonSettings, LoadedAddon } from "./addon.js";

const require = createRequire(import.meta.url);

/** What `npm run build` compiles; both `src` and `dist` lie beside `build`. */
const LOCAL_BUILD = fileURLToPath(new URL("../build/moekit-native.node", import.meta.url));

let loaded: LoadedAddon | undefined;

/** The compiled kernels: those built in this package's folder, else the prebuilt ones for this platform. */
export function loadAddon(): LoadedAddon {
  return (loaded ??= firstThatLoads(places()));
}

/** Lazy: telling the libc takes some milliseconds. */
function* places(): Generator<string> {
  yield LOCAL_BUILD;
  yield prebuiltPackage();
}

/** Loads the first of some files or packages; the error tells what became of each. */
export function firstThatLoads(candidates: Iterable<string>): LoadedAddon {
  const reasons: string[] = [];
  for (const origin of candidates) {
    try {
      const module = require(origin) as Addon & AddonSettings;
      return { kernels: module, settings: module, origin };
    } catch (error) {
      reasons.push(`${origin}: ${String((error as Error).message ?? error).split("\n")[0]}`);
    }
  }
  throw new MoekitError("unsupported-op", `registerNativeBackend: no compiled kernels for ${platformName()} (${reasons.join("; ")}). Install ${prebuiltPackage()}, or build this package where a C++ compiler is present.`);
}

/** The package that holds the binary for this machine, e.g. `@moekit/native-linux-x64`. */
export function prebuiltPackage(): string {
  return `@moekit/native-${platformName()}`;
}

/** Platform and architecture; Linux without glibc is another platform. */
function platformName(): string {
  return `${process.platform}-${process.arch}${process.platform === "linux" && !hasGlibc() ? "-musl" : ""}`;
}

function hasGlibc(): boolean {
  // Looking up network interfaces would take long.
  (process.report as { excludeNetwork?: boolean }).excludeNetwork = true;
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return header?.glibcVersionRuntime !== undefined;
}

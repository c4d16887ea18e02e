import { defineConfig } from "tsup";
import { library } from "../../tsup.shared.ts";

// Two builds, each removing only its own files: the library, and the command line, which nobody imports.
export default defineConfig([
  { ...library({ clean: ["dist/index.*"] }) },
  { ...library({ entry: ["src/cli.ts"], format: ["esm"], dts: false, clean: ["dist/cli.*"] }) },
] as Parameters<typeof defineConfig>[0]);

/**
 * Runs the kernels (those for AMX under emulation) under sanitizers: memory errors and undefined behaviour in one build, data races
 * in another. Fails on the first finding; without a compiler it says so and succeeds. `node scripts/sanitize.mjs [address|thread]`,
 * both by default.
 */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { buildNative, emulatedAmx, setsOf } from "./build-native.mjs";

const BUILDS = {
  address: ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-DMOEKIT_EXACT_SCRATCH", "-O1", "-g"],
  thread: ["-fsanitize=thread", "-O1", "-g"],
};

const here = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const wanted = process.argv[2] ? [process.argv[2]] : Object.keys(BUILDS);
for (const name of wanted) {
  const flags = BUILDS[name];
  if (!flags) throw new Error(`sanitize: unknown build "${name}"; known are ${Object.keys(BUILDS).join(", ")}`);
  const driver = await buildNative({ out: here(`build/driver-${name}`), main: here("native/testing/driver.cc"), flags, sets: (compiler) => ({ ...setsOf(compiler), ...emulatedAmx(compiler) }) });
  if (!driver) console.log("sanitize: no C++ compiler found; nothing is checked");
  else console.log(`sanitize (${name}): ${execFileSync(driver, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim()}`);
}

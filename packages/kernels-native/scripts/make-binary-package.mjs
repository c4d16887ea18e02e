/**
 * Makes `packages/native-<platform>-<arch>` after the package for Linux on x86-64, with the binary built here for that machine:
 * `node scripts/make-binary-package.mjs darwin arm64`. The release workflow publishes it from there.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const [os, cpu, libc] = process.argv.slice(2);
if (!os || !cpu) {
  console.error("usage: node scripts/make-binary-package.mjs PLATFORM ARCH [LIBC], as process.platform and process.arch name them");
  process.exit(1);
}
const packages = fileURLToPath(new URL("../..", import.meta.url));
const [template, folder] = ["native-linux-x64", `native-${os}-${cpu}`];
const { scripts: _, ...manifest } = JSON.parse(readFileSync(`${packages}${template}/package.json`, "utf8"));

mkdirSync(`${packages}${folder}`, { recursive: true });
copyFileSync(`${packages}${template}/LICENSE`, `${packages}${folder}/LICENSE`);
write("README.md", `# @moekit/${folder}\n\nThe compiled kernels of [@moekit/kernels-native](../kernels-native) for ${os} on ${cpu}: one file, no install script. Install it beside that package.\n`);
write("package.json", JSON.stringify({ ...manifest, name: `@moekit/${folder}`, description: `The compiled kernels of @moekit/kernels-native for ${os} on ${cpu}`, repository: { ...manifest.repository, directory: `packages/${folder}` } }, null, 2));
execFileSync(process.execPath, ["../kernels-native/scripts/fill-binary-package.mjs", os, cpu, ...(libc ? [libc] : [])], { cwd: `${packages}${folder}`, stdio: "inherit" });

function write(name, text) {
  writeFileSync(`${packages}${folder}/${name}`, text);
}

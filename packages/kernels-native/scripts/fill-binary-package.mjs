/**
 * Makes a package of compiled kernels complete before it is packed: copies the binary built here into it and says for which
 * machines it is. Fails where the binary is missing or was built for another machine.
 *
 * `node ../kernels-native/scripts/fill-binary-package.mjs linux x64 glibc`, in the folder of the package. The fields are not
 * in the committed package.json, because npm refuses a workspace that is for another platform.
 */
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const [os, cpu, libc] = process.argv.slice(2);
const binary = fileURLToPath(new URL("../build/moekit-native.node", import.meta.url));
if (process.platform !== os || process.arch !== cpu) fail(`this package is for ${os}-${cpu}; this machine is ${process.platform}-${process.arch}`);
if (!existsSync(binary)) fail("there are no compiled kernels: run npm run build:native in packages/kernels-native first");
copyFileSync(binary, "moekit-native.node");
const manifest = JSON.parse(readFileSync("package.json", "utf8"));
writeFileSync("package.json", `${JSON.stringify({ ...manifest, os: [os], cpu: [cpu], ...(libc && { libc: [libc] }) }, null, 2)}\n`);

function fail(why) {
  console.error(`fill-binary-package: ${why}`);
  process.exit(1);
}

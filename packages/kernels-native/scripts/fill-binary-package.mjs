/**
 * Makes a package of compiled kernels complete before it is packed: copies the binary built here into it and says for which
 * machines it is. Fails where the binary is missing, or is for this machine and does not load.
 *
 * `node ../kernels-native/scripts/fill-binary-package.mjs linux x64 glibc`, in the folder of the package. The fields are not
 * in the committed package.json, because npm refuses a workspace that is for another platform.
 */
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const [os, cpu, libc] = process.argv.slice(2);
const here = process.platform === os && process.arch === cpu;
const binary = fileURLToPath(new URL(`../build/${here ? "moekit-native" : `${os}-${cpu}`}.node`, import.meta.url));
if (!existsSync(binary)) fail(`there are no kernels compiled for ${os}-${cpu}: run npm run build:native in packages/kernels-native first${here ? "" : ", with a compiler for that machine as $CXX"}`);
if (here) createRequire(import.meta.url)(binary);
copyFileSync(binary, "moekit-native.node");
const manifest = JSON.parse(readFileSync("package.json", "utf8"));
writeFileSync("package.json", `${JSON.stringify({ ...manifest, os: [os], cpu: [cpu], ...(libc && { libc: [libc] }) }, null, 2)}\n`);

function fail(why) {
  console.error(`fill-binary-package: ${why}`);
  process.exit(1);
}

/**
 * Compiles `native/` into `build/moekit-native.node` (into `build/win32-x64.node` with a compiler for Windows on another system):
 * every file of `native/kernels` once per instruction set, those of `native/elements` once per kind of vector, everything else once. Incremental by the content of a file and of all that it
 * includes, which the compiler lists (-MMD). Without a compiler it says so and succeeds: the prebuilt package or another backend is used.
 *
 * `node scripts/build-native.mjs [--emulate-amx]`; with the flag `build/emulated-amx.node`, which tests run the kernels for AMX in.
 * scripts/sanitize.mjs builds a test driver from the same files.
 */
import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { findCompiler } from "./compiler.mjs";
import { forWindows, nodeFunctions, WINDOWS_FLAGS } from "./windows.mjs";

const run = promisify(execFile);
const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const native = join(root, "native");

const AVX2 = ["-mavx2", "-mfma", "-mf16c"];
// The warnings are about headers of GCC itself.
const AVX512 = [...AVX2, "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-Wno-uninitialized", "-Wno-maybe-uninitialized"];
const AVX512BF16 = [...AVX512, "-mavx512bf16", "-mavx512vnni"];
// By name: compilers for macOS let code of all sets use both.
const NEON = ["-DMOEKIT_NEON"];

/** Instruction sets by architecture and the flags that let the compiler use them. A new one is a line here. */
const INSTRUCTION_SETS = {
  x64: { scalar: [], avx2: AVX2, avx512: AVX512, avx512bf16: AVX512BF16, amx: [...AVX512BF16, "-mamx-tile", "-mamx-bf16", "-mamx-int8"] },
  arm64: { scalar: [], neon: NEON, neondot: [...NEON, "-DMOEKIT_DOT", "-march=armv8.2-a+dotprod"] },
};

/** Those of the architecture that the compiler compiles for. */
export const setsOf = ({ architecture }) => INSTRUCTION_SETS[architecture] ?? { scalar: [] };

/** For tests on machines without AMX: its instructions in plain C++, see native/testing/emulated_tiles.h. */
export const emulatedAmx = ({ architecture }) => (architecture === "x64" ? { amx_emulated: [...AVX512BF16, "-DMOEKIT_EMULATE_TILES"] } : {});

/** Files in which no product and sum may become one operation: they must round as ggml's reference does. */
const UNCONTRACTED = ["pack_blocks.cc"];

/** Sets that multiply matrices in a way of their own with the vectors of another set share its `native/elements`. */
const VECTORS = { avx512bf16: "avx512", amx: "avx512", amx_emulated: "avx512", neondot: "neon" };
const vectorsOf = (set) => VECTORS[set] ?? set;

const FLAGS = ["-std=c++17", "-fPIC", "-fvisibility=hidden", "-fno-math-errno", "-Wall", "-Wextra", "-pthread"];

const flagsFor = (compiler) => (forWindows(compiler) ? [...FLAGS, ...WINDOWS_FLAGS] : FLAGS);

/** -O3 unrolls small loops of products; loops over elements are as fast without, and compile in two thirds of the time. */
const OPTIMIZE = { products: ["-O3"], elements: ["-O2", "-ftree-vectorize", "-fvect-cost-model=dynamic", "-fno-trapping-math"] };

/** Builds the module, or `main` (a C++ file) with everything but the Node binding, with the sets that `sets` gives for a compiler. Returns the path, or undefined without a compiler. */
export async function buildNative({ compiler = findCompiler(), out = outOf(compiler), main, flags = [], sets = setsOf } = {}) {
  if (!compiler) return undefined;
  const dir = `${out.replace(/\.node$/, "")}.objects`;
  mkdirSync(dir, { recursive: true });
  const jobs = units(compiler, known(compiler, sets(compiler)), main).map(({ file, flags: own, name }) => ({ source: file, object: join(dir, `${name}.o`), arguments: [...flagsFor(compiler), ...own, ...flags] }));
  const contents = new Map();
  let changed = !existsSync(out);
  await inParallel(jobs, async ({ source, object, arguments: args }) => {
    const key = () => hash(compiler.version, args.join(" "), ...includedBy(object).map((file) => contentHash(file, contents)));
    if (existsSync(object) && read(`${object}.key`) === key()) return;
    changed = true;
    const started = Date.now();
    await compile(compiler, [...args, "-MMD", "-c", source, "-o", object], source);
    // What was edited meanwhile is compiled again the next time.
    if (includedBy(object).every((file) => statSync(file).mtimeMs < started)) writeFileSync(`${object}.key`, key());
  });
  const objects = jobs.map((job) => job.object);
  if (changed || removed(dir, objects)) await link(compiler, objects, out, [...flagsFor(compiler), ...flags], main);
  return out;
}

const outOf = (compiler) => join(root, "build", compiler && forWindows(compiler) && process.platform !== "win32" ? "win32-x64.node" : "moekit-native.node");

/** The sets whose flags the compiler knows; on Windows nothing asks for the registers of AMX. */
function known(compiler, sets) {
  return Object.fromEntries(Object.entries(sets).filter(([set, flags]) => takes(compiler, flags) && !(set === "amx" && forWindows(compiler))));
}

const takes = ({ command }, flags) => spawnSync(command, [...flags, "-fsyntax-only", "-x", "c++", "-"], { input: "", stdio: ["pipe", "ignore", "ignore"] }).status === 0;

/** Every file to compile, with the flags it needs. */
function units(compiler, sets, main) {
  const flagsOf = { ...setsOf(compiler), ...sets };
  const vectorSets = new Set(Object.keys(sets).map(vectorsOf));
  const ownFlags = (file) => (UNCONTRACTED.includes(basename(file)) ? ["-ffp-contract=off"] : []);
  const ofSet = (file, set, optimize) => ({ file, name: `${set}-${baseName(file)}`, flags: [...optimize, ...flagsOf[set], ...ownFlags(file), `-DMOEKIT_ISA=${set}`, `-DMOEKIT_VECTORS=${vectorsOf(set)}`] });
  const kernels = sources("kernels").flatMap((file) => Object.keys(sets).map((set) => ofSet(file, set, OPTIMIZE.products)));
  // Clang vectorises in its own way.
  const optimize = OPTIMIZE.elements.filter((flag) => takes(compiler, [flag]));
  const elements = sources("elements").flatMap((file) => [...vectorSets].map((set) => ofSet(file, set, optimize)));
  const available = Object.keys(sets).map((set) => `-DMOEKIT_WITH_${set}`);
  const once = [...sources("runtime"), ...(main ? [main] : sources("binding"))].map((file) => ({ file, name: baseName(file), flags: ["-O2", ...available, ...(main ? [] : nodeFlags())] }));
  return [...kernels, ...elements, ...once];
}

const nodeFlags = () => ["-DNAPI_VERSION=8", "-DNODE_GYP_MODULE_NAME=moekit_native", `-I${createRequire(import.meta.url)("node-api-headers").include_dir}`];
const sources = (folder) => readdirSync(join(native, folder)).filter((name) => name.endsWith(".cc")).sort().map((name) => join(native, folder, name));
const baseName = (file) => basename(file, ".cc");

/** The source of an object and its headers, as of its last compilation; none where there was none. */
function includedBy(object) {
  const rule = read(object.replace(/\.o$/, ".d")).replace(/\\\r?\n/g, " ");
  return rule.slice(rule.indexOf(": ") + 1).split(/(?<!\\)\s+/).filter(Boolean).map((path) => path.replace(/\\ /g, " "));
}

function contentHash(file, known) {
  if (!known.has(file)) known.set(file, hash(read(file)));
  return known.get(file);
}

const read = (file) => (existsSync(file) ? readFileSync(file, "utf8") : "");

function hash(...parts) {
  const sum = createHash("sha256");
  for (const part of parts) sum.update(part).update("\0");
  return sum.digest("hex");
}

/** Objects of files that are gone; a link without them is due. */
function removed(dir, objects) {
  const stale = readdirSync(dir).filter((name) => name.endsWith(".o") && !objects.includes(join(dir, name)));
  for (const name of stale) rmSync(join(dir, name));
  return stale.length > 0;
}

async function compile({ command }, args, what) {
  try {
    const { stderr } = await run(command, args);
    if (stderr) process.stderr.write(stderr);
  } catch (error) {
    throw new Error(`kernels-native: ${relative(root, what)} does not compile:\n${error.stderr ?? error}`);
  }
}

async function link(compiler, objects, out, common, main) {
  const temporary = `${out}.${process.pid}.tmp`;
  const libraries = forWindows(compiler) ? nodeFunctions(compiler, dirname(objects[0])) : process.platform === "linux" ? ["-static-libgcc", "-static-libstdc++", "-Wl,--exclude-libs,ALL"] : [];
  const shared = process.platform === "darwin" ? ["-bundle", "-undefined", "dynamic_lookup"] : ["-shared", ...libraries];
  await compile(compiler, [...common, ...objects, ...(main ? [] : shared), "-o", temporary], out);
  renameSync(temporary, out);
}

/** Runs `work` on all items, as many at a time as there are cores. */
async function inParallel(items, work) {
  const queue = [...items];
  const worker = async () => {
    for (let item; (item = queue.shift()) !== undefined; ) await work(item);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const started = performance.now();
  const out = await buildNative(process.argv[2] === "--emulate-amx" ? { out: join(root, "build", "emulated-amx.node"), sets: (compiler) => ({ scalar: [], ...emulatedAmx(compiler) }) } : {});
  if (out) console.log(`kernels-native: ${relative(root, out)} is built (${((performance.now() - started) / 1000).toFixed(1)} s)`);
  else console.log("kernels-native: no C++ compiler found (c++, g++, clang++ or $CXX); nothing is compiled, and the backend needs the prebuilt package");
}

import { existsSync } from "node:fs";
import { join } from "node:path";
import { loadSource } from "../load-source.mjs";
import { root } from "../packages.mjs";
import { GENERATED, table } from "./markdown.mjs";

/** Where the names of a package's kernels come from. A package that is not there has no column. */
const kernelPackages = [
  { name: "kernels-js", on: "cpu, wasm", source: "packages/kernels-js/src/register.ts", names: (module) => module.jsKernelNames },
  { name: "kernels-tensorflow", on: "tensorflow", source: "packages/kernels-tensorflow/src/register.ts", names: (module) => module.tensorflowKernelNames },
  { name: "kernels-native", on: "moekit-native", source: "packages/kernels-native/src/kernels/index.ts", names: (module) => Object.keys(module.opKernels) },
];

/** The page `docs/ops.md`: every op, what it is differentiable in, its cases, and who has a kernel for it. */
export async function opTable() {
  const core = await loadSource("packages/core/src/index.ts");
  const { allCases } = await loadSource("packages/core/src/ops/cases.ts");
  const kernels = await Promise.all(kernelPackages.filter(({ source }) => existsSync(join(root, source))).map(async (entry) => ({ ...entry, kernels: entry.names(await loadSource(entry.source)) })));
  const ops = Object.entries(core).filter(([, value]) => value?.spec?.name).map(([name, { spec }]) => ({ function: name.replace(/Op$/, ""), kernel: spec.name }));
  const called = ops.filter(({ function: name }) => core[name]);
  const rows = [...called, ...ops.filter((op) => !called.includes(op))].map(({ function: name, kernel }) => [nameOf(core, name), `\`${kernel}\``, ...factsOf(allCases, kernel), ...kernels.map((entry) => (entry.kernels.includes(kernel) ? "yes" : "reference"))]);
  const head = ["function", "kernel name", "gradient to", "cases", ...kernels.map(({ name, on }) => `${name} (${on})`)];
  return `${GENERATED}
# Ops

Every op has a reference in plain TensorFlow.js that runs on every backend, and a written-out gradient where one is defined. A call
runs the kernel of the active backend where there is one ("yes"), else the reference. An op named \`…Grad\`, \`…Input\` or \`…Weight\` is
a backward form of another one and is reached through its gradient. "Cases" are checked against a float64 reference on every backend.

${table(head, rows)}
`;
}

/** Backward forms and other ops without a function of their own are named by their kernel alone. */
function nameOf(core, name) {
  return typeof core[name] === "function" ? `\`${name}\`` : "";
}

function factsOf(cases, kernel) {
  const own = cases.filter(({ op }) => op.spec.name === kernel);
  const inputs = [...new Set(own.flatMap(({ differentiable }) => differentiable ?? []))];
  return [inputs.map((input) => `\`${input}\``).join(", "), own.length || ""];
}

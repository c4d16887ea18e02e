import { loadSource } from "../load-source.mjs";
import { GENERATED, table } from "./markdown.mjs";

/** The packages whose methods have pages, and how code asks for one of them by name. */
const families = [
  { title: "Routing", package: "@moekit/routing", source: "packages/routing/src/index.ts", list: "routingMethods", byName: "routerByName", needs: "dim: 64, numExperts: 8, seed: 1" },
  { title: "Balancing", package: "@moekit/balancing", source: "packages/balancing/src/index.ts", list: "balancingMethods", byName: "lossByName", needs: "" },
];

/** All pages as [path, text]: an index and one page a method. */
export async function methodPages() {
  const loaded = await Promise.all(families.map(async (family) => ({ ...family, module: await loadSource(family.source) })));
  const methods = loaded.flatMap((family) => family.module[family.list].map((facts) => ({ family, facts })));
  requireUniqueIds(methods.map(({ facts }) => facts.id));
  return [["docs/methods/README.md", index(loaded)], ...methods.map((method) => [pathOf(method.facts), page(method)])];
}

const pathOf = ({ id }) => `docs/methods/${id}.md`;

function index(loaded) {
  const sections = loaded.map(({ title, package: name, module, list }) => {
    const rows = module[list].map((facts) => [`[${facts.title}](${facts.id}.md)`, `\`${facts.id}\``, facts.summary, facts.source]);
    return `## ${title} (\`${name}\`)\n\n${table(["method", "id", "what it does", "source"], rows)}`;
  });
  return `${GENERATED}\n# Methods\n\nEach method is one file of its package, with its facts as data: this table and the pages come from them.\n\n${sections.join("\n\n")}\n`;
}

function page({ family, facts }) {
  const { id, title, summary, source, formula, parameters } = facts;
  const rows = Object.entries(parameters).map(([name, { default: value, range, meaning }]) => [`\`${name}\``, `\`${value}\``, range, meaning]);
  return [
    GENERATED,
    `# ${title}`,
    summary,
    table(["id", "package", "source"], [[`\`${id}\``, `\`${family.package}\``, source]]),
    `## Formula\n\n\`\`\`text\n${formula}\n\`\`\``,
    `## Parameters\n\n${rows.length ? table(["name", "default", "range", "meaning"], rows) : "None."}`,
    usage(family, facts),
    "[All methods](README.md)",
  ].filter(Boolean).join("\n\n") + "\n";
}

/**
 * How to make it by name, with its defaults. Controllers and wrappers are made by their own functions and have no such line,
 * nor have methods with a parameter that is an object.
 */
function usage({ package: name, module, byName, needs }, { id, parameters }) {
  if (!isKnown(module[byName], id) || Object.values(parameters).some((parameter) => parameter.default === "none")) return "";
  const defaults = Object.entries(parameters).filter(([, parameter]) => isSetting(parameter)).map(([key, parameter]) => `${key}: ${JSON.stringify(parameter.default)}`);
  const settings = [needs, ...defaults].filter(Boolean).join(", ");
  return `## By name\n\n\`\`\`ts\nimport { ${byName} } from "${name}";\n\nconst made = ${byName}("${id}").create({ ${settings} });\n\`\`\``;
}

/** Not a default in words, such as "E" or "learned". */
function isSetting({ default: value, range }) {
  return typeof value !== "string" || range.split(/, | or /).includes(value);
}

function isKnown(byName, id) {
  try {
    return Boolean(byName(id));
  } catch {
    return false;
  }
}

function requireUniqueIds(ids) {
  const twice = ids.find((id, i) => ids.indexOf(id) !== i);
  if (twice) throw new Error(`make-docs: two methods have the id "${twice}"; ids must differ across packages.`);
}

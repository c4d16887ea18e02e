/**
 * Type-checks the fenced `ts` blocks of the guide and the READMEs against the built packages, as a user's file would be.
 * Each block is a module of its own; one fenced as `ts continued` goes on where the block before it on the page ended.
 */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import ts from "typescript";
import { compilerOptions } from "./compiler-options.mjs";
import { libraries, root } from "./packages.mjs";

const folders = ["docs/guide", "docs/methods"].map((folder) => join(root, folder));
const pages = [join(root, "README.md"), ...folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name))), ...libraries().map(({ dir }) => join(dir, "README.md"))];
const snippets = new Map(pages.filter((page) => page.endsWith(".md") && existsSync(page)).flatMap(snippetsOf));
const options = { ...compilerOptions([]), noUnusedLocals: false };
const program = ts.createProgram([...snippets.keys()], options, hostWith(snippets));
const diagnostics = [...program.getOptionsDiagnostics(), ...[...snippets.keys()].flatMap((file) => ts.getPreEmitDiagnostics(program, program.getSourceFile(file)))];

for (const found of diagnostics) console.error(describe(found));
console.log(diagnostics.length ? `snippets: ${diagnostics.length} problems` : `snippets: ${snippets.size} type-check`);
process.exitCode = diagnostics.length ? 1 : 0;

/** The blocks of a page as [virtual file, text]; empty lines before a block keep its line numbers those of the page. */
function snippetsOf(page) {
  const blocks = [];
  const text = readFileSync(page, "utf8");
  for (const { 1: continued, 2: body, index } of text.matchAll(/^```ts( continued)?\n([\s\S]*?)^```/gm)) {
    const line = text.slice(0, index).split("\n").length;
    const before = continued ? blocks.pop() : "";
    blocks.push(before + "\n".repeat(line - before.split("\n").length + 1) + body);
  }
  return blocks.map((body, i) => [join(root, "docs", `${relative(root, page).replaceAll("/", "!")}!${i}.ts`), `${body}\nexport {};\n`]);
}

function hostWith(files) {
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (name) => files.has(name) || fileExists(name);
  host.readFile = (name) => files.get(name) ?? readFile(name);
  host.getSourceFile = (name, ...rest) => (files.has(name) ? ts.createSourceFile(name, files.get(name), ...rest) : getSourceFile(name, ...rest));
  return host;
}

function describe({ file, start, messageText }) {
  const message = ts.flattenDiagnosticMessageText(messageText, "\n  ");
  if (!file) return message;
  const page = relative(join(root, "docs"), file.fileName).replace(/!\d+\.ts$/, "").replaceAll("!", "/");
  return `${page}:${file.getLineAndCharacterOfPosition(start).line + 1}: ${message}`;
}

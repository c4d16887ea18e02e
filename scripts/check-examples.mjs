/** Every export of every package has a docstring with an `@example`. */
import { join, relative } from "node:path";
import ts from "typescript";
import { compilerOptions } from "./compiler-options.mjs";
import { libraries, root } from "./packages.mjs";

const published = ({ dir, manifest }) => Object.values(manifest.exports).filter((entry) => entry["@moekit/source"] && entry.import).map((entry) => join(dir, entry["@moekit/source"]));
const entries = libraries().flatMap(published);
const program = ts.createProgram(entries, compilerOptions(["@moekit/source"]));
const checker = program.getTypeChecker();
const seen = new Set();
const problems = entries.flatMap((entry) => exportsOf(entry)?.flatMap(lacking) ?? [`${relative(root, entry)} is missing or exports nothing`]);

for (const line of problems) console.error(line);
console.log(problems.length ? `examples: ${problems.length} problems among ${seen.size} exports` : `examples: all ${seen.size} exports have a docstring and an example`);
process.exitCode = problems.length ? 1 : 0;

function exportsOf(entry) {
  const source = program.getSourceFile(entry);
  const module = source && checker.getSymbolAtLocation(source);
  return module && checker.getExportsOfModule(module).map(original);
}

function original(symbol) {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

/** What is missing of one export, with its place. An umbrella's re-exports are counted once, where they are defined. */
function lacking(symbol) {
  const declaration = symbol.declarations?.[0];
  if (!declaration || seen.has(symbol)) return [];
  seen.add(symbol);
  const source = declaration.getSourceFile();
  if (!source.fileName.startsWith(`${root}packages/`)) return [];
  const place = `${relative(root, source.fileName)}:${source.getLineAndCharacterOfPosition(declaration.getStart()).line + 1}: ${symbol.name}`;
  if (!symbol.getDocumentationComment(checker).length) return [`${place} has no docstring`];
  return symbol.getJsDocTags(checker).some(({ name }) => name === "example") ? [] : [`${place} has no @example`];
}

import ts from "typescript";
import { root } from "./packages.mjs";

/** The repository's TypeScript settings; `conditions` are those by which packages find each other, none for the built ones. */
export function compilerOptions(conditions) {
  const { config } = ts.readConfigFile(`${root}tsconfig.base.json`, ts.sys.readFile);
  const { options, errors } = ts.convertCompilerOptionsFromJson({ ...config.compilerOptions, customConditions: conditions }, root);
  if (errors.length) throw new Error(ts.flattenDiagnosticMessageText(errors[0].messageText, "\n"));
  return options;
}

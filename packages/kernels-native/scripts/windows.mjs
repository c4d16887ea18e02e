/** What a build for Windows needs, with GCC of mingw-w64 on any system: flags, and where the functions of Node-API come from. */
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

export const forWindows = ({ target }) => target.includes("mingw");

/**
 * Windows aligns the stack to 16 bytes. GCC knows and still spills larger vectors with instructions that want more (its bug 54412,
 * which Debian has mended); the assembler writes those that take any address. And nothing but the system's libraries is loaded at run time.
 */
export const WINDOWS_FLAGS = ["-Wa,-muse-unaligned-vector-move", "-static"];

/**
 * Makes the libraries through which the linker finds the functions of Node-API, which the program itself has. They are looked up
 * when first called ("delayed"), so that native/binding/windows_host.cc can say that the program need not be called node.exe. The
 * first call of a function through them loses arguments that are floating-point numbers; the module calls none that takes such.
 */
export function nodeFunctions({ command }, dir) {
  const dlltool = execFileSync(command, ["-print-prog-name=dlltool"], { encoding: "utf8" }).trim();
  const definitions = join(dirname(createRequire(import.meta.url).resolve("node-api-headers/package.json")), "def");
  return ["js_native_api", "node_api"].map((name) => {
    const library = join(dir, `${name}.a`);
    execFileSync(dlltool, ["--input-def", join(definitions, `${name}.def`), "--output-delaylib", library]);
    return library;
  });
}

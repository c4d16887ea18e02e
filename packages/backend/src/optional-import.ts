/** A package that a backend needs is not there. */
export class NotInstalledError extends Error {
  constructor(readonly packageName: string) {
    super(`${packageName} is not installed`);
  }
}

/**
 * Imports a package that may be missing.
 * @throws NotInstalledError if it is; what the import throws otherwise, e.g. where one of its own dependencies is missing.
 */
export async function optionalImport<T>(packageName: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    throw isMissing(error, packageName) ? new NotInstalledError(packageName) : error;
  }
}

/** The same for packages that only exist in Node: bundlers shall not look for them. */
export async function nodeImport<T>(packageName: string): Promise<T> {
  return optionalImport(packageName, () => import(/* @vite-ignore */ /* webpackIgnore: true */ packageName) as Promise<T>);
}

/** Node, webpack and Vite word it differently; all quote the name. */
function isMissing(error: unknown, packageName: string): boolean {
  const message = error instanceof Error ? error.message : String(error);
  const quoted = [`'${packageName}'`, `"${packageName}"`].some((name) => message.includes(name));
  return quoted && /cannot find|could not resolve|failed to (load|resolve)/i.test(message);
}

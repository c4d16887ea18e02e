/** A package that a backend needs is not there. */
export class NotInstalledError extends Error {
  constructor(readonly packageName: string) {
    super(`${packageName} is not installed`);
  }
}

/**
 * Handler for the failed import of a package that may be missing. Bundlers take a missing package as a warning only where
 * they see `import("name").catch(...)`.
 * @throws NotInstalledError if the package is missing; else the error, e.g. where one of its own dependencies is missing.
 */
export const orNotInstalled = (packageName: string) => (error: unknown): never => {
  throw isMissing(error, packageName) ? new NotInstalledError(packageName) : error;
};

/** Imports a package that may be missing and only exists in Node: bundlers shall not look for it. */
export const nodeImport = <T>(packageName: string): Promise<T> =>
  import(/* @vite-ignore */ /* webpackIgnore: true */ packageName).catch(orNotInstalled(packageName)) as Promise<T>;

/** Node, webpack and Vite word it differently; all quote the name. */
function isMissing(error: unknown, packageName: string): boolean {
  const message = error instanceof Error ? error.message : String(error);
  const quoted = [`'${packageName}'`, `"${packageName}"`].some((name) => message.includes(name));
  return quoted && /cannot find|could not resolve|failed to (load|resolve)/i.test(message);
}

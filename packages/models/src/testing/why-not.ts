/** Why something cannot start, e.g. the compiled kernels; undefined if it can, and has started. */
export function whyNot(start: () => void): string | undefined {
  try {
    start();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

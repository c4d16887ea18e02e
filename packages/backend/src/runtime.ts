/** True in Node, and in runtimes that say that they are Node. */
export const isNode = (): boolean => typeof process !== "undefined" && Boolean(process.versions?.node);

/** @throws Error in browsers. */
export function onlyInNode(): void {
  if (!isNode()) throw new Error("it only exists in Node");
}

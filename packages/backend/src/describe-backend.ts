import type { BackendChoice } from "./types.js";

/**
 * A choice in one line for people, e.g. `wasm (1 thread, wasm simd128)`.
 * @example console.log(describeBackend(await selectBackend()));
 */
export function describeBackend({ name, facts: { threads, simd, device } }: Pick<BackendChoice, "name" | "facts">): string {
  const facts = [device, threads && `${threads} ${threads === 1 ? "thread" : "threads"}`, simd].filter(Boolean);
  return facts.length ? `${name} (${facts.join(", ")})` : name;
}

import * as tf from "@tensorflow/tfjs";
import { CheckpointError } from "./errors.js";

/**
 * Parameters by dotted path, e.g. `layers.0.moe.experts.gate`.
 * @example
 * const found: ParameterMap = parameters(layer);
 * found["experts.up"]!.shape; // [E, F, D]
 */
export type ParameterMap = Record<string, tf.Variable>;

/**
 * Collects the variables of a module by walking its fields and arrays. Trainable and not; one variable reached by two
 * paths (tied weights) appears under the first.
 *
 * @example parameters(model)["layers.0.moe.router.weight"].shape;
 */
export function parameters(module: object): ParameterMap {
  return partsByPath(module, (value) => value instanceof tf.Variable);
}

/**
 * Collects the parts of a kind by walking the fields and arrays of a module, by dotted path; each once, under its first path.
 *
 * @param isPart - What to collect; it is not walked into.
 * @example partsByPath(model, (value) => value instanceof MoeLayer);
 */
export function partsByPath<T extends object>(module: object, isPart: (value: object) => value is T): Record<string, T> {
  const found: Record<string, T> = {};
  const seen = new Set<object>();
  const walk = (value: unknown, path: string): void => {
    if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || seen.has(value)) return;
    seen.add(value);
    if (isPart(value)) found[path] = value;
    else if (!(value instanceof tf.Tensor)) for (const [key, child] of Object.entries(value)) walk(child, path ? `${path}.${key}` : key);
  };
  walk(module, "");
  return found;
}

/**
 * The trainable ones of {@link parameters}.
 * @example Object.keys(trainableParameters(model)).length;
 */
export function trainableParameters(module: object): ParameterMap {
  return Object.fromEntries(Object.entries(parameters(module)).filter(([, variable]) => variable.trainable));
}

/**
 * Copies tensors into a module's variables. Strict: every variable must be given with its shape, every tensor used.
 *
 * @throws CheckpointError naming what is missing, unexpected or of the wrong shape; nothing is loaded then.
 * @example loadParameters(model, { "head.weight": tf.zeros([8, 4]) });
 */
export function loadParameters(module: object, tensors: Record<string, tf.Tensor>): void {
  const own = parameters(module);
  const missing = Object.keys(own).filter((name) => !(name in tensors));
  const unexpected = Object.keys(tensors).filter((name) => !(name in own));
  const misfits = Object.keys(own)
    .filter((name) => name in tensors && tensors[name]!.shape.join() !== own[name]!.shape.join())
    .map((name) => `${name} must be [${own[name]!.shape}], got [${tensors[name]!.shape}]`);
  if (missing.length + unexpected.length + misfits.length > 0) throw new CheckpointError(misfit(missing, unexpected, misfits));
  for (const [name, variable] of Object.entries(own)) variable.assign(tensors[name]!);
}

/**
 * Disposes all variables of a module.
 * @example disposeParameters(model);
 */
export function disposeParameters(module: object): void {
  for (const variable of Object.values(parameters(module))) variable.dispose();
}

function misfit(missing: string[], unexpected: string[], misfits: string[]): string {
  const list = (title: string, names: string[]) => (names.length ? ` ${title}: ${names.slice(0, 8).join(", ")}${names.length > 8 ? `, and ${names.length - 8} more` : ""}.` : "");
  return `loadParameters: the tensors do not fit the module.${list("Missing", missing)}${list("Unexpected", unexpected)}${list("Wrong shape", misfits)}`;
}

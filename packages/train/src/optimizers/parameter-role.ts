/**
 * What a parameter is for, as far as optimisers care.
 *
 * `matrix`: a hidden linear map `[out, in]`; `bank`: one such map per expert `[E, out, in]`; `vector`: any other tensor of
 * rank below two, or a matrix with a single row or column (a gate), which has no more structure than a vector.
 *
 * @example const role: ParameterRole = parameterRole("layers.0.moe.experts.up", [8, 64, 32]); // "bank"
 */
export type ParameterRole = "matrix" | "bank" | "embedding" | "head" | "router" | "norm" | "bias" | "vector";

/**
 * Says what a parameter is for, from its dotted path and its shape.
 *
 * A path segment that contains `embed` makes an embedding (tied weights appear under it), a segment `head` or `...Head` a head,
 * one that contains `router` a router, a last segment `...bias` or `...Bias` a bias (also `[E, F]` biases of a bank), and
 * one that contains `norm` a norm; the per-expert vectors of constant experts (`constantMix`, `constantVector`) are vectors.
 * Everything else goes by shape.
 *
 * @example parameterRole("layers.0.attention.queryNorm.weight", [16]); // "norm"
 */
export function parameterRole(path: string, shape: readonly number[]): ParameterRole {
  const segments = path.split(".");
  const has = (pattern: RegExp) => segments.some((segment) => pattern.test(segment));
  if (/bias$/i.test(segments.at(-1)!)) return "bias";
  if (has(/norm/i)) return "norm";
  if (has(/router/i)) return "router";
  if (has(/embed/i)) return "embedding";
  if (has(/^head$|Head$|_head$/)) return "head";
  if (has(/^constant(Mix|Vector)$/)) return "vector";
  if (shape.length < 2 || Math.min(...shape.slice(-2)) === 1) return "vector";
  return shape.length === 2 ? "matrix" : "bank";
}

/**
 * True where weight decay applies: on matrices only, never on norms, biases and vectors.
 * @example isDecayed("norm"); // false
 */
export function isDecayed(role: ParameterRole): boolean {
  return role !== "norm" && role !== "bias" && role !== "vector";
}

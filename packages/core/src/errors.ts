/**
 * The errors of moekit. They are recognised by a symbol instead of `instanceof`, so that two installed versions agree.
 *
 * Messages name the function, what must hold, the values, what came, and the likely fix:
 * `combine: gates must be [T, K] = [32, 2]; got [32, 4]. Pass the gates of the same routing that made the plan.`
 */
const KIND = Symbol.for("moekit.error");

/**
 * The kinds of error that moekit throws.
 * @example const kind: MoekitErrorKind = "shape";
 */
export type MoekitErrorKind = "shape" | "unsupported-op" | "unknown-name" | "config" | "checkpoint" | "data" | "non-finite";

/**
 * Base of all errors thrown by moekit.
 * @example if (isMoekitError(error, "shape")) console.error(error.message);
 */
export class MoekitError extends Error {
  readonly [KIND]: MoekitErrorKind;
  constructor(kind: MoekitErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this[KIND] = kind;
  }
}

/**
 * True if `error` was thrown by any copy of moekit (and is of `kind`, when given).
 * @example try { run(); } catch (error) { if (!isMoekitError(error, "config")) throw error; }
 */
export function isMoekitError(error: unknown, kind?: MoekitErrorKind): error is MoekitError {
  const found = (error as { [KIND]?: MoekitErrorKind } | null | undefined)?.[KIND];
  return found !== undefined && (kind === undefined || found === kind);
}

/** A tensor has the wrong rank, size or dtype. @example throw new ShapeError("combine: gates must be [T, K]; got [3]."); */
export class ShapeError extends MoekitError {
  constructor(message: string) {
    super("shape", message);
  }
}

/** An op or a format is not available here. @example throw new UnsupportedOpError("rotary: layout 'spiral' is unknown."); */
export class UnsupportedOpError extends MoekitError {
  constructor(message: string) {
    super("unsupported-op", message);
  }
}

/** A configuration value is missing, unknown or contradictory. @example throw new ConfigError("topKRouter: topK must be at least 1; got 0."); */
export class ConfigError extends MoekitError {
  constructor(message: string) {
    super("config", message);
  }
}

/** A checkpoint file is damaged or does not fit the model. @example throw new CheckpointError("readSafetensors: model.safetensors is truncated."); */
export class CheckpointError extends MoekitError {
  constructor(message: string, options?: ErrorOptions) {
    super("checkpoint", message, options);
  }
}

/** A corpus or batch cannot be used. @example throw new DataError("packTokens: the corpus is empty."); */
export class DataError extends MoekitError {
  constructor(message: string) {
    super("data", message);
  }
}

/** A number became NaN or infinite. @example throw new NonFiniteError("train: the gradient of lmHead.weight is NaN at step 12."); */
export class NonFiniteError extends MoekitError {
  constructor(message: string) {
    super("non-finite", message);
  }
}

/**
 * A name is not among the known ones; the message lists them.
 * @example throw new UnknownNameError({ in: "routerByName", name: "topq", known: ["topK", "topP"] });
 */
export class UnknownNameError extends MoekitError {
  constructor({ in: where, name, known }: { in: string; name: string; known: readonly string[] }) {
    super("unknown-name", `${where}: unknown name "${name}"; known names are ${[...known].sort().join(", ")}.`);
  }
}

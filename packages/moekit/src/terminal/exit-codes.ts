import { isMoekitError } from "@moekit/core";
import { InterruptedError } from "./interruptible.js";

/** What the exit code of `moekit` says. */
export const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** The command line itself is wrong. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}

/** True if the command line is wrong. citty does not export the class of its own errors. */
export function isUsageError(error: unknown): boolean {
  return error instanceof UsageError || (error instanceof Error && error.name === "CLIError");
}

/** The exit code of an error: wrong flags, settings and names are 2, files, data and numbers 1. */
export function exitCode(error: unknown): number {
  if (error instanceof InterruptedError) return EXIT.interrupted;
  if (isUsageError(error) || isMoekitError(error, "config") || isMoekitError(error, "unknown-name")) return EXIT.usage;
  return EXIT.failed;
}

/** The kind of an error for machines. */
export function errorKind(error: unknown): string {
  const kinds = ["shape", "unsupported-op", "unknown-name", "config", "checkpoint", "data", "non-finite"] as const;
  if (error instanceof InterruptedError) return "interrupted";
  return isUsageError(error) ? "usage" : (kinds.find((kind) => isMoekitError(error, kind)) ?? "unexpected");
}

/** What a person is told. Errors nobody planned for say so; `MOEKIT_DEBUG=1` shows where any error came from. */
export function errorText(error: unknown): string {
  if (process.env.MOEKIT_DEBUG === "1" && error instanceof Error) return error.stack ?? error.message;
  const message = error instanceof Error ? error.message : String(error);
  return errorKind(error) === "unexpected" ? `${message.split("\n")[0]} (unexpected; MOEKIT_DEBUG=1 shows where)` : message;
}

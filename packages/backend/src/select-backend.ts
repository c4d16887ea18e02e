import { ConfigError, UnknownNameError } from "@moekit/core";
import * as tf from "@tensorflow/tfjs";
import { candidates } from "./candidates/index.js";
import { NotInstalledError } from "./optional-import.js";
import type { BackendChoice, BackendName, BackendReport, Candidate, SelectOptions } from "./types.js";

/** All names that {@link selectBackend} takes, in the order of `auto`. @example backendNames[0]; // "cuda" */
export const backendNames: readonly BackendName[] = candidates.map(({ name }) => name);

/**
 * Makes a backend of TensorFlow.js the active one, with the fast kernels of moekit that exist for it.
 *
 * `auto` tries cuda, webgpu (only if asked), native, tensorflow, wasm and cpu, takes the first that works, and says why each
 * one before was passed over. A backend asked for by name is started or the call fails: nothing else is put in its place.
 * Calling it again is cheap, and with another name it changes the backend; tensors stay where they were made.
 *
 * @param name - `auto` or one of {@link backendNames}.
 * @throws ConfigError if the named backend is not available, with the reason and what to install. The active backend is
 * then the one from before.
 * @throws UnknownNameError if there is no backend of that name.
 * @example
 * const { name, candidates } = await selectBackend("auto");
 * for (const { name, status, reason } of candidates) console.log(`${name}: ${status}, ${reason}`);
 */
export async function selectBackend(name: BackendName | "auto" = "auto", { webgpu = false }: SelectOptions = {}): Promise<BackendChoice> {
  if (name !== "auto" && !backendNames.includes(name)) throw new UnknownNameError({ in: "selectBackend", name, known: ["auto", ...backendNames] });
  return name === "auto" ? firstThatWorks(webgpu) : named(name);
}

async function named(name: BackendName): Promise<BackendChoice> {
  const candidate = candidates.find((other) => other.name === name)!;
  const previous = tf.getBackend();
  try {
    const facts = await candidate.start({ named: true });
    const reports = candidates.map((other) => (other === candidate ? chosen(other, "was asked for by name") : notAsked(other, `${name} was asked for by name`)));
    return { name, tfjsName: candidate.tfjsName, facts, candidates: reports };
  } catch (error) {
    await restore(previous);
    throw new ConfigError(`selectBackend: the backend "${name}" must be available; got: ${reasonOf(error)}. To get it: ${candidate.install}`);
  }
}

async function firstThatWorks(webgpu: boolean): Promise<BackendChoice> {
  const passedOver: BackendReport[] = [];
  for (const [i, candidate] of candidates.entries()) {
    if (candidate.name === "webgpu" && !webgpu) {
      passedOver.push(notAsked(candidate, "is only tried if asked for, by name or with { webgpu: true }"));
      continue;
    }
    try {
      const facts = await candidate.start({ named: false });
      const rest = candidates.slice(i + 1).map((slower) => ({ name: slower.name, status: "not-tried" as const, reason: `${candidate.name} comes before it` }));
      return { name: candidate.name, tfjsName: candidate.tfjsName, facts, candidates: [...passedOver, chosen(candidate, "is the first that works here"), ...rest] };
    } catch (error) {
      passedOver.push({ name: candidate.name, status: error instanceof NotInstalledError ? "not-installed" : "failed", reason: reasonOf(error) });
    }
  }
  throw new ConfigError(`selectBackend: no backend works: ${passedOver.map(({ name, reason }) => `${name}: ${reason}`).join("; ")}`);
}

const chosen = ({ name }: Candidate, reason: string): BackendReport => ({ name, status: "chosen", reason });
const notAsked = ({ name }: Candidate, reason: string): BackendReport => ({ name, status: "not-asked", reason });

/** TensorFlow.js is left without a backend when it fails to start one. */
async function restore(previous: string | undefined): Promise<void> {
  if (previous && tf.getBackend() !== previous) await tf.setBackend(previous);
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String((error as { message?: string } | undefined)?.message ?? error);
  return message.trim().replace(/\.$/, "");
}

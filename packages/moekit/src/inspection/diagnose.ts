import { arch, cpus, freemem, platform, release, totalmem } from "node:os";
import * as tf from "@tensorflow/tfjs";
import { describeBackend, selectBackend, type BackendChoice } from "@moekit/backend";
import { table } from "../terminal/table.js";

/**
 * What a machine offers, and which backend `auto` takes there.
 * @example const { node, backend }: Diagnosis = await diagnose();
 */
export interface Diagnosis {
  readonly node: string;
  readonly tensorflowJs: string;
  readonly system: string;
  readonly processor: string;
  readonly cores: number;
  /** Bytes. */
  readonly memory: { readonly total: number; readonly free: number };
  readonly backend: BackendChoice;
}

/**
 * Looks at this machine and starts the backend that `auto` chooses.
 * @example console.log((await diagnose()).backend.name);
 */
export async function diagnose(): Promise<Diagnosis> {
  const processors = cpus();
  return {
    node: process.versions.node,
    tensorflowJs: tf.version.tfjs,
    system: `${platform()} ${arch()} ${release()}`,
    processor: processors[0]?.model ?? "unknown",
    cores: processors.length,
    memory: { total: totalmem(), free: freemem() },
    backend: await selectBackend("auto"),
  };
}

/** The same for people. */
export function diagnosisText({ node, tensorflowJs, system, processor, cores, memory, backend }: Diagnosis): string {
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
  const facts = [
    `Node           ${node}`,
    `TensorFlow.js  ${tensorflowJs}`,
    `system         ${system}`,
    `processor      ${processor}, ${cores} cores`,
    `memory         ${gigabytes(memory.total)}, ${gigabytes(memory.free)} free`,
    `backend        ${describeBackend(backend)}`,
  ];
  return `${facts.join("\n")}\n\n${table(["backend", "status", "why"], backend.candidates.map(({ name, status, reason }) => [name, status, reason]))}`;
}

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { CheckpointError } from "@moekit/core";
import { fingerprint, writeJson } from "./files.js";

/** The file that says what the others must be. */
export const MANIFEST = "manifest.json";

interface Manifest {
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>;
}

/** Writes sizes and hashes of the named files of a folder. */
export async function writeManifest(folder: string, names: readonly string[]): Promise<void> {
  const files: Record<string, { bytes: number; sha256: string }> = {};
  for (const name of names) files[name] = await fingerprint(join(folder, name));
  await writeJson(join(folder, MANIFEST), { files } satisfies Manifest);
}

/**
 * Checks every file of a checkpoint against its manifest: nothing is loaded from a folder that fails.
 *
 * @param required - Files that must be listed.
 * @throws CheckpointError naming the file that is missing, truncated or changed.
 */
export async function verifyManifest(folder: string, required: readonly string[]): Promise<void> {
  const { files } = await readManifest(folder);
  for (const name of required) if (!files[name]) throw problem(folder, MANIFEST, `does not list ${name}`);
  for (const [name, wanted] of Object.entries(files)) {
    const found = await fingerprint(join(folder, name)).catch((cause) => {
      throw problem(folder, name, "cannot be read", cause);
    });
    if (found.bytes !== wanted.bytes) throw problem(folder, name, `has ${found.bytes} bytes; ${wanted.bytes} were written. It is truncated or overwritten`);
    if (found.sha256 !== wanted.sha256) throw problem(folder, name, "is corrupted (its SHA-256 differs from the manifest's)");
  }
}

async function readManifest(folder: string): Promise<Manifest> {
  try {
    const manifest = JSON.parse(await readFile(join(folder, MANIFEST), "utf8")) as Manifest | null;
    if (typeof manifest?.files !== "object" || manifest.files === null) throw new TypeError("it has no files");
    return manifest;
  } catch (cause) {
    throw problem(folder, MANIFEST, "is missing or damaged", cause);
  }
}

function problem(folder: string, name: string, what: string, cause?: unknown): CheckpointError {
  return new CheckpointError(`readCheckpoint: ${join(folder, name)} ${what}. Resume from another checkpoint.`, { cause });
}

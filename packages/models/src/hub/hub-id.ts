import { CheckpointError } from "@moekit/core";

/** A model of the Hugging Face Hub: all its weights, or one file of it. */
export interface HubId {
  /** `owner/name`. */
  readonly repo: string;
  /** A `.gguf` file in the repository. */
  readonly file?: string;
}

const PART = /^[\w][\w.-]*$/;

/**
 * Reads `owner/name` or `owner/name/path/file.gguf`.
 * @throws CheckpointError if the text is neither.
 */
export function parseHubId(text: string): HubId {
  const parts = text.split("/");
  const [owner, name, ...rest] = parts;
  const isId = parts.length >= 2 && parts.every((part) => PART.test(part) && !part.includes(".."));
  const isFile = rest.length === 0 || text.endsWith(".gguf");
  if (!isId || !isFile) throw new CheckpointError(`resolveCheckpoint: there is no file or folder "${text}", and it is not an id of the Hub like "owner/name" or "owner/name/file.gguf".`);
  return { repo: `${owner}/${name}`, file: rest.length > 0 ? rest.join("/") : undefined };
}

import { readdir, readFile, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { DataError } from "@moekit/core";
import type { Domain } from "@moekit/data";

const FORM_FEED = "\f";

/** Where the text of a domain is. */
export interface DomainSource {
  readonly path: string;
  readonly extensions?: readonly string[];
}

/**
 * Reads one domain: a text file whose documents are separated by form feeds, or a folder in which every file (of the given
 * endings, subfolders included, in the order of their names) is a document.
 *
 * @throws DataError if there is no text, or a file is not UTF-8 (or not gzip where its name says so).
 */
export async function readDomain(name: string, { path, extensions }: DomainSource): Promise<Domain> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new DataError(`readDomain: domain "${name}": ${path} must be a file or a folder (${error.code}).`);
  });
  const documents = found.isDirectory() ? await readFolder(path, extensions) : (await readText(path)).split(FORM_FEED);
  const texts = documents.map((text) => text.trim()).filter((text) => text.length > 0);
  if (texts.length === 0) throw new DataError(`readDomain: domain "${name}": ${path} holds no text.`);
  return { name, documents: texts };
}

async function readFolder(folder: string, extensions: readonly string[] | undefined): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(files.filter((file) => !extensions || extensions.includes(extname(file))).sort().map(readText));
}

async function readText(file: string): Promise<string> {
  const bytes = await readFile(file);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(file.endsWith(".gz") ? gunzipSync(bytes) : bytes);
  } catch (error) {
    throw new DataError(`readDomain: ${file} must be ${file.endsWith(".gz") ? "gzipped " : ""}UTF-8 text (${(error as Error).message}).`);
  }
}

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { DataError } from "@moekit/core";

/**
 * Text of one kind, e.g. a novel or German manuals.
 * @example const domain: Domain = { name: "notes", documents: ["First note.", "Second note."] };
 */
export interface Domain {
  readonly name: string;
  /** Pieces of text that do not continue each other: chapters, files, pages. */
  readonly documents: readonly string[];
}

const EXTENSION = /\.txt(\.gz)?$/;
const FORM_FEED = "\f";

/**
 * Reads a corpus: each `<domain>.txt` or `<domain>.txt.gz` (UTF-8) of a folder is one domain. Form feeds (U+000C) separate
 * its documents; white space around a document is dropped. Domains come in the order of their names.
 *
 * @throws DataError if the folder holds no such file, a domain has no text, is given twice, or is not UTF-8 (or not gzip).
 * @example const domains = await loadCorpus("corpus");
 */
export async function loadCorpus(folder: string): Promise<Domain[]> {
  const files = (await list(folder)).filter((file) => EXTENSION.test(file)).sort();
  if (files.length === 0) throw new DataError(`loadCorpus: the corpus is empty: ${folder} holds no .txt or .txt.gz file.`);
  const domains = await Promise.all(files.map(async (file) => toDomain(file, await readFile(join(folder, file)))));
  const twice = domains.find(({ name }, i) => domains[i + 1]?.name === name);
  if (twice) throw new DataError(`loadCorpus: ${folder} holds domain "${twice.name}" as .txt and as .txt.gz; remove one of them.`);
  return domains;
}

async function list(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    throw new DataError(`loadCorpus: ${folder} must be a folder of .txt or .txt.gz files (${error.code}).`);
  });
}

function toDomain(file: string, bytes: Uint8Array): Domain {
  const documents = decode(file, bytes).split(FORM_FEED).map((text) => text.trim()).filter((text) => text.length > 0);
  if (documents.length === 0) throw new DataError(`loadCorpus: ${file} holds no text.`);
  return { name: file.replace(EXTENSION, ""), documents };
}

function decode(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(file.endsWith(".gz") ? gunzipSync(bytes) : bytes);
  } catch (error) {
    throw new DataError(`loadCorpus: ${file} must be ${file.endsWith(".gz") ? "gzipped " : ""}UTF-8 text (${(error as Error).message}).`);
  }
}

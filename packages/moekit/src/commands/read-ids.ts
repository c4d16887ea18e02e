import { readFile } from "node:fs/promises";
import { z } from "zod";
import { DataError } from "@moekit/core";

/** Rows of token ids that a user gives in a file; the second and third only for encoder-decoders. */
export interface GivenIds {
  readonly inputIds: number[][];
  readonly decoderInputIds?: number[][];
  readonly labels?: number[][];
}

const rowsOf = (least: number) => z.array(z.array(z.int().min(least)).min(1)).min(1);
const tokenIds = rowsOf(0);
/** In labels, -100 marks what counts nothing. */
const named = z.strictObject({ input_ids: tokenIds, decoder_input_ids: tokenIds.optional(), labels: rowsOf(-100).optional() });

/**
 * Reads rows of ids, `[[...], [...]]`, or an object of them, `{ "input_ids": rows, "decoder_input_ids": rows, "labels": rows }`.
 * @throws DataError naming the file and the place in it.
 */
export async function readIds(file: string): Promise<GivenIds> {
  const json = await readJson(file);
  if (Array.isArray(json)) return { inputIds: checked(file, tokenIds, json) };
  const { input_ids, decoder_input_ids, labels } = checked(file, named, json);
  return { inputIds: input_ids, decoderInputIds: decoder_input_ids, labels };
}

async function readJson(file: string): Promise<unknown> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new DataError(`${file}: cannot be read (${error.code}).`);
  });
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DataError(`${file}: is not JSON (${(error as Error).message}).`);
  }
}

function checked<T>(file: string, schema: z.ZodType<T>, json: unknown): T {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw new DataError(`${file}: must be rows of token ids like [[1, 2], [3, 4]], or for an encoder-decoder {"input_ids": rows, "decoder_input_ids": rows}; at [${path.join("][")}]: ${message}`);
}

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { CheckpointError } from "@moekit/core";
import { GgufFile } from "../gguf/gguf-file.js";
import { tokenizerFilesOfGguf } from "../gguf/tokenizer/tokenizer-of-gguf.js";
import { isFile } from "../io/exists.js";
import { createTokenizer, type TextTokenizer, type TokenizerFiles } from "./tokenizer.js";

/**
 * Loads the tokenizer of a model: the `tokenizer.json` of a Hugging Face folder, with `tokenizer_config.json` and
 * `chat_template.jinja` where there are, or the tokenizer in a `.gguf` file.
 * @throws CheckpointError if there is none or it is damaged.
 * @example const tokenizer = await loadTokenizer("OLMoE-1B-7B-0924");
 */
export async function loadTokenizer(path: string): Promise<TextTokenizer> {
  const files = await readTokenizerFiles(path);
  if (!files) throw new CheckpointError(`loadTokenizer: ${path} has no tokenizer${path.endsWith(".gguf") ? "" : ".json"}.`);
  return createTokenizer(files.json, files.config);
}

/**
 * The files of {@link loadTokenizer}; undefined if the model has no tokenizer.
 * @throws CheckpointError if one of them is damaged.
 * @example const files = await readTokenizerFiles("OLMoE-1B-7B-0924");
 */
export async function readTokenizerFiles(path: string): Promise<TokenizerFiles | undefined> {
  if (await isFile(path)) return readFromGguf(path);
  const json = await readJson(join(path, "tokenizer.json"));
  if (!json) return undefined;
  const config = { ...(await readJson(join(path, "tokenizer_config.json"))) };
  const template = await readText(join(path, "chat_template.jinja"));
  return { json, config: template === undefined ? config : { ...config, chat_template: template } };
}

async function readFromGguf(path: string): Promise<TokenizerFiles | undefined> {
  const file = await GgufFile.open(path);
  await file.close();
  return tokenizerFilesOfGguf(file.metadata);
}

async function readText(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
}

async function readJson(path: string): Promise<object | undefined> {
  const content = await readText(path);
  if (content === undefined) return undefined;
  try {
    return JSON.parse(content) as object;
  } catch (cause) {
    throw new CheckpointError(`loadTokenizer: ${path} is not JSON.`, { cause });
  }
}

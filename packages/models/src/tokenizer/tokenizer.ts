import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import { CheckpointError } from "@moekit/core";
import { ChatTemplate, type ChatMessage, type ChatOptions } from "./chat-template.js";

/**
 * Turns text into token ids and back.
 * @example const ids = tokenizer.encode("Hello");
 */
export interface TextTokenizer {
  /** Ids from 0 to `vocabSize - 1`, added tokens included. */
  readonly vocabSize: number;
  /** Token ids of a text, with the special tokens that the tokenizer's own post-processor adds. */
  encode(text: string, options?: EncodeOptions): number[];
  /** The text of token ids; special tokens are left out. */
  decode(ids: readonly number[]): string;
  /** The id of a token, e.g. `<|endoftext|>`; undefined if it is not in the vocabulary. */
  idOf(token: string): number | undefined;
  /**
   * The text of a conversation as the model was trained on it. It has the special tokens in it: encode it with
   * `addSpecialTokens: false`.
   * @throws CheckpointError if the model has no chat template; DataError if its template refuses the conversation.
   */
  applyChatTemplate(messages: readonly ChatMessage[], options?: ChatOptions): string;
}

/**
 * How a text is encoded.
 * @example tokenizer.encode(prompt, { addSpecialTokens: false });
 */
export interface EncodeOptions {
  /** Add what the tokenizer puts around texts, e.g. a first token. @defaultValue true */
  readonly addSpecialTokens?: boolean;
}

/**
 * Loads the `tokenizer.json` of a Hugging Face folder, with `tokenizer_config.json` and `chat_template.jinja` where there are.
 * @throws CheckpointError if `tokenizer.json` is missing or damaged.
 * @example const tokenizer = await loadTokenizer("OLMoE-1B-7B-0924");
 */
export async function loadTokenizer(folder: string): Promise<TextTokenizer> {
  const files = await readTokenizerFiles(folder);
  if (!files) throw new CheckpointError(`loadTokenizer: ${folder} has no tokenizer.json.`);
  return createTokenizer(files.json, files.config);
}

/**
 * A tokenizer as the files of a Hugging Face folder describe it.
 * @example const { json, config }: TokenizerFiles = (await readTokenizerFiles("OLMoE-1B-7B-0924"))!;
 */
export interface TokenizerFiles {
  /** The content of `tokenizer.json`. */
  readonly json: object;
  /** The content of `tokenizer_config.json`, with the chat template. */
  readonly config: Readonly<Record<string, unknown>>;
}

/**
 * The files of {@link loadTokenizer}; undefined if the folder has no `tokenizer.json`.
 * @throws CheckpointError if one of them is not JSON.
 * @example const files = await readTokenizerFiles("OLMoE-1B-7B-0924");
 */
export async function readTokenizerFiles(folder: string): Promise<TokenizerFiles | undefined> {
  const json = await readJson(join(folder, "tokenizer.json"));
  if (!json) return undefined;
  const config = { ...(await readJson(join(folder, "tokenizer_config.json"))) };
  const template = await readText(join(folder, "chat_template.jinja"));
  return { json, config: template === undefined ? config : { ...config, chat_template: template } };
}

/**
 * Makes a tokenizer from the content of a `tokenizer.json`.
 * @param config - The content of `tokenizer_config.json`. @defaultValue empty
 * @throws CheckpointError if the content is not a tokenizer.
 * @example const tokenizer = createTokenizer(JSON.parse(await readFile("tokenizer.json", "utf8")));
 */
export function createTokenizer(json: object, config: object = {}): TextTokenizer {
  // The library joins words and punctuation on decoding unless told not to; transformers no longer does.
  const tokenizer = parse(json, { clean_up_tokenization_spaces: false, ...config });
  const vocabSize = 1 + [...tokenizer.get_vocab(true).values()].reduce((a, b) => Math.max(a, b), -1);
  const chat = ChatTemplate.from(config as Record<string, unknown>);
  return {
    vocabSize,
    encode: (text, { addSpecialTokens = true } = {}) => tokenizer.encode(text, { add_special_tokens: addSpecialTokens }).ids,
    decode: (ids) => (ids.length === 0 ? "" : tokenizer.decode([...ids], { skip_special_tokens: true })),
    idOf: (token) => tokenizer.token_to_id(token),
    applyChatTemplate(messages, options) {
      if (!chat) throw new CheckpointError("applyChatTemplate: this model has no chat template. Write the prompt as text.");
      return chat.apply(messages, options);
    },
  };
}

function parse(json: object, config: object): Tokenizer {
  try {
    return new Tokenizer(json, config);
  } catch (cause) {
    throw new CheckpointError(`createTokenizer: this is not a tokenizer.json that can be read (${(cause as Error).message}).`, { cause });
  }
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

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

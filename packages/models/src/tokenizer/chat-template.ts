import { Template } from "@huggingface/jinja";
import { CheckpointError, DataError } from "@moekit/core";

/**
 * One message of a conversation; templates read further keys, e.g. `tool_calls`.
 * @example const message: ChatMessage = { role: "user", content: "Hello" };
 */
export interface ChatMessage {
  readonly role: string;
  readonly content?: unknown;
  readonly [key: string]: unknown;
}

/**
 * What a template is told besides the messages.
 * @example const options: ChatOptions = { addGenerationPrompt: true };
 */
export interface ChatOptions {
  /** End with the beginning of the answer. @defaultValue false */
  readonly addGenerationPrompt?: boolean;
  /** Functions that the model may call, as JSON schemas. */
  readonly tools?: readonly object[];
  /** Texts that the model may quote. */
  readonly documents?: readonly object[];
  /** Variables of the model's own template, e.g. `{ enable_thinking: false }`. */
  readonly variables?: Readonly<Record<string, unknown>>;
}

/**
 * Turns conversations into the text that a model was trained on.
 * @example const prompt = template.apply([{ role: "user", content: "Hello" }], { addGenerationPrompt: true });
 */
export class ChatTemplate {
  private readonly parsed = new Map<string, Template>();

  private constructor(
    private readonly sources: ReadonlyMap<string, string>,
    private readonly specialTokens: Readonly<Record<string, string>>,
  ) {}

  /**
   * The template in the content of a `tokenizer_config.json`; undefined if there is none.
   * @throws CheckpointError if it is neither a text nor a list of named ones.
   */
  static from(config: Readonly<Record<string, unknown>>): ChatTemplate | undefined {
    const { chat_template: found } = config;
    if (found === undefined || found === null) return undefined;
    return new ChatTemplate(readSources(found), readSpecialTokens(config));
  }

  /**
   * The text of a conversation. With tools, the template named `tool_use` is taken where there is one.
   * @throws DataError if the template refuses the conversation; CheckpointError if the template is not Jinja that can be read.
   */
  apply(messages: readonly ChatMessage[], { addGenerationPrompt = false, tools, documents, variables = {} }: ChatOptions = {}): string {
    const template = this.template(tools && this.sources.has("tool_use") ? "tool_use" : "default");
    // As in transformers: tools and documents are none where they are not given, not undefined.
    const known = { messages, tools: tools ?? null, documents: documents ?? null, add_generation_prompt: addGenerationPrompt };
    try {
      return template.render({ ...this.specialTokens, ...variables, ...known });
    } catch (cause) {
      throw new DataError(`applyChatTemplate: the model's template refuses these messages: ${(cause as Error).message}`);
    }
  }

  private template(name: string): Template {
    const source = this.sources.get(name);
    if (source === undefined) throw new CheckpointError(`applyChatTemplate: there is no template "${name}"; there are ${[...this.sources.keys()].join(", ")}.`);
    const template = this.parsed.get(name) ?? parse(source);
    this.parsed.set(name, template);
    return template;
  }
}

function parse(source: string): Template {
  try {
    return new Template(source);
  } catch (cause) {
    throw new CheckpointError(`applyChatTemplate: the model's template is not Jinja that can be read (${(cause as Error).message}).`, { cause });
  }
}

function readSources(found: unknown): Map<string, string> {
  if (typeof found === "string") return new Map([["default", found]]);
  const named = Array.isArray(found) && found.every((one): one is { name: string; template: string } => typeof one?.name === "string" && typeof one?.template === "string");
  if (!named) throw new CheckpointError('applyChatTemplate: "chat_template" must be a text, or a list of { name, template }.');
  return new Map((found as { name: string; template: string }[]).map(({ name, template }) => [name, template]));
}

/** `bos_token` and its kin, as texts or as tokens with a text. */
function readSpecialTokens(config: Readonly<Record<string, unknown>>): Record<string, string> {
  const texts = Object.entries(config).map(([key, value]) => [key, typeof value === "string" ? value : (value as { content?: unknown } | null)?.content]);
  return Object.fromEntries(texts.filter(([key, value]) => (key as string).endsWith("_token") && typeof value === "string"));
}

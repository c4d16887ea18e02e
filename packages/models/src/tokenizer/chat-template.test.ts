import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMoekitError } from "@moekit/core";
import { describe, expect, it } from "vitest";
import { ChatTemplate, type ChatMessage } from "./chat-template.js";
import { loadTokenizer } from "./load-tokenizer.js";

interface Recorded {
  readonly special: Record<string, string>;
  readonly tools: object[];
  readonly templates: Record<string, string>;
  readonly messages: Record<string, ChatMessage[]>;
  readonly cases: { template: string; messages: string; addGenerationPrompt: boolean; tools: boolean; variables: object; text: string | null; error: string | null }[];
}

const { special, tools, templates, messages, cases } = JSON.parse(await readFile(new URL("../../fixtures/tokenizers/chat.json", import.meta.url), "utf8")) as Recorded;

describe.each(Object.keys(templates))("the template %s", (name) => {
  const template = ChatTemplate.from({ ...special, chat_template: templates[name] })!;

  it("gives what transformers gives", () => {
    for (const { text, error, ...of } of cases.filter((one) => one.template === name)) {
      const apply = () => template.apply(messages[of.messages]!, { addGenerationPrompt: of.addGenerationPrompt, variables: of.variables as Record<string, unknown>, ...(of.tools ? { tools } : {}) });
      if (error === null) expect(apply(), JSON.stringify(of)).toBe(text);
      else expect(apply).toThrow(error);
    }
  });
});

describe("ChatTemplate", () => {
  it("takes the template for tools where there is one", () => {
    const template = ChatTemplate.from({ chat_template: [{ name: "default", template: "plain" }, { name: "tool_use", template: "{{ tools[0].a }}" }] })!;
    expect(template.apply([])).toBe("plain");
    expect(template.apply([], { tools: [{ a: 1 }] })).toBe("1");
  });

  it("reads special tokens that are objects, and nothing where there is no template", () => {
    expect(ChatTemplate.from({ bos_token: { content: "<b>" }, chat_template: "{{ bos_token }}" })!.apply([])).toBe("<b>");
    expect(ChatTemplate.from({ chat_template: null })).toBeUndefined();
  });

  it("errors say whose fault it is", () => {
    const kindOf = (source: unknown) => {
      try {
        ChatTemplate.from({ chat_template: source })!.apply([]);
      } catch (error) {
        return ["data", "checkpoint"].find((kind) => isMoekitError(error, kind as "data"));
      }
      return "none";
    };
    expect(kindOf("{{ raise_exception('no') }}")).toBe("data");
    expect(kindOf("{% if %}")).toBe("checkpoint");
    expect(kindOf([{ name: "other", template: "x" }])).toBe("checkpoint");
    expect(kindOf(7)).toBe("checkpoint");
  });

  it("comes with a tokenizer from its folder, chat_template.jinja first", async () => {
    const folder = await mkdtemp(join(tmpdir(), "moekit-chat-"));
    const json = { added_tokens: [{ id: 1, content: "<s>", special: true, single_word: false, lstrip: false, rstrip: false, normalized: false }], normalizer: null, pre_tokenizer: null, decoder: null, model: { type: "BPE", vocab: { a: 0 }, merges: [] }, post_processor: { type: "TemplateProcessing", single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }], pair: [], special_tokens: { "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] } } } };
    await writeFile(join(folder, "tokenizer.json"), JSON.stringify(json));
    const bare = await loadTokenizer(folder);
    expect(() => bare.applyChatTemplate([])).toThrow("no chat template");
    await writeFile(join(folder, "tokenizer_config.json"), JSON.stringify({ bos_token: "<s>", chat_template: "old" }));
    expect((await loadTokenizer(folder)).applyChatTemplate([])).toBe("old");
    await writeFile(join(folder, "chat_template.jinja"), "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}");
    const tokenizer = await loadTokenizer(folder);
    const text = tokenizer.applyChatTemplate([{ role: "user", content: "aa" }]);
    expect(tokenizer.encode(text, { addSpecialTokens: false })).toEqual([1, 0, 0]);
    expect(tokenizer.encode(text)).toEqual([1, 1, 0, 0]);
    await rm(folder, { recursive: true });
  });
});

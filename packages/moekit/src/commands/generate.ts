import { selectBackend, type BackendName } from "@moekit/backend";
import { loadTokenizer, streamText } from "@moekit/models";
import { checkpointPath } from "../terminal/checkpoint-path.js";
import { backendFlag, command } from "../terminal/command.js";
import { loadWriter } from "./load-writer.js";
import { UsageError } from "../terminal/exit-codes.js";
import { numberFlag } from "../terminal/flags.js";
import { interruptible } from "../terminal/interruptible.js";
import { loadOptions, weightsFlags } from "../terminal/weights-flag.js";

export const generate = command({
  name: "generate",
  description: "Continue a text; an encoder-decoder answers it",
  args: {
    dir: { type: "positional", required: true, description: "Folder of a checkpoint, a .gguf file, or an id of the Hugging Face Hub" },
    prompt: { type: "string", required: true, valueHint: "text", description: "The text to continue" },
    "max-tokens": { type: "string", default: "100", valueHint: "n", description: "Most tokens to write" },
    temperature: { type: "string", default: "0.8", valueHint: "t", description: "0 takes the most probable token" },
    "top-k": { type: "string", valueHint: "k", description: "Choose among the k most probable tokens" },
    "top-p": { type: "string", valueHint: "p", description: "Choose among the most probable tokens that reach p together" },
    seed: { type: "string", default: "0", valueHint: "n", description: "Makes sampling repeatable" },
    ...weightsFlags,
    ...backendFlag,
  },
  example: 'moekit generate runs/sea --prompt "Call me" --temperature 0.7 --top-p 0.9',
  async run(args, terminal) {
    const [options, loading] = [samplingOptions(args), loadOptions(args)];
    if (args.prompt === "") throw new UsageError("--prompt must not be empty");
    const path = await checkpointPath(args.dir, terminal);
    await selectBackend(args.backend as BackendName);
    const [model, tokenizer] = [await loadWriter(path, loading), await loadTokenizer(path)];
    try {
      await interruptible(terminal, (signal) => write(signal));
    } finally {
      model.dispose();
    }

    async function write(signal: AbortSignal): Promise<void> {
      const start = performance.now();
      const [ids, pieces]: [number[], string[]] = [[], []];
      if (!args.json && !model.answers) terminal.write(args.prompt);
      for await (const piece of streamText(tokenizer, recorded(model.write(tokenizer.encode(args.prompt), { ...options, signal }), ids))) {
        pieces.push(piece);
        if (!args.json) terminal.write(piece);
      }
      const seconds = (performance.now() - start) / 1000;
      terminal.write(args.json ? `${JSON.stringify({ prompt: args.prompt, text: pieces.join(""), ids, seconds, tokensPerSecond: ids.length / seconds })}\n` : "\n");
    }
  },
});

function samplingOptions(args: Record<"max-tokens" | "temperature" | "seed", string> & { "top-k"?: string; "top-p"?: string }) {
  return {
    maxNewTokens: numberFlag("max-tokens", args["max-tokens"], { least: 1, whole: true })!,
    temperature: numberFlag("temperature", args.temperature, { least: 0 }),
    topK: numberFlag("top-k", args["top-k"], { least: 1, whole: true }),
    topP: numberFlag("top-p", args["top-p"], { above: 0, most: 1 }),
    seed: numberFlag("seed", args.seed, { least: 0, whole: true }),
  };
}

/** The same ids, which are also kept; lets Ctrl-C through between two of them. */
async function* recorded(ids: AsyncIterable<number>, seen: number[]): AsyncGenerator<number> {
  for await (const id of ids) {
    seen.push(id);
    yield id;
    await new Promise((resume) => setImmediate(resume));
  }
}

import { selectBackend, type BackendName } from "@moekit/backend";
import { isEncoderDecoder, readConfigOf, type HuggingFaceConfig } from "@moekit/models";
import { checkpointPath } from "../terminal/checkpoint-path.js";
import { command, backendFlag } from "../terminal/command.js";
import { loadOptions, weightsFlags } from "../terminal/weights-flag.js";
import { UsageError } from "../terminal/exit-codes.js";
import { describeModel, modelText } from "../inspection/describe-model.js";
import { describePair, pairText } from "../inspection/describe-pair.js";
import { routingText } from "../inspection/routing-text.js";
import { routingOfText } from "../inspection/routing-of-text.js";

export const inspect = command({
  name: "inspect",
  description: "Show the size of a checkpoint, its experts, and how a text is routed",
  args: {
    dir: { type: "positional", required: true, description: "Folder of a checkpoint, a .gguf file, or an id of the Hugging Face Hub" },
    text: { type: "string", valueHint: "text", description: "A text whose routing is shown" },
    ...weightsFlags,
    ...backendFlag,
  },
  example: 'moekit inspect runs/sea --text "Call me Ishmael."',
  async run({ dir, text, backend, json, ...flags }, terminal) {
    const loading = loadOptions(flags);
    const path = await checkpointPath(dir, terminal);
    const config = await readConfigOf(path);
    if (isEncoderDecoder(config)) return terminal.write(`${inspectedPair(config, { text, json })}\n`);
    const model = await describeModel(path);
    if (text !== undefined) await selectBackend(backend as BackendName);
    const routing = text === undefined ? undefined : await routingOfText(path, text, loading);
    if (json) return terminal.write(`${JSON.stringify({ ...model, routing })}\n`);
    terminal.write(`${modelText(model)}\n`);
    if (routing) terminal.write(`\n${routingText(routing, terminal.isTerminal)}\n`);
  },
});

function inspectedPair(config: HuggingFaceConfig, { text, json }: { text?: string; json?: boolean }): string {
  if (text !== undefined) throw new UsageError("--text shows how decoders route; this model is an encoder-decoder");
  const pair = describePair(config);
  return json ? JSON.stringify(pair) : pairText(pair);
}

import { selectBackend, type BackendName } from "@moekit/backend";
import { checkpointPath } from "../terminal/checkpoint-path.js";
import { command, backendFlag } from "../terminal/command.js";
import { describeModel, modelText } from "../inspection/describe-model.js";
import { routingText } from "../inspection/routing-text.js";
import { routingOfText } from "../inspection/routing-of-text.js";

export const inspect = command({
  name: "inspect",
  description: "Show the size of a checkpoint, its experts, and how a text is routed",
  args: {
    dir: { type: "positional", required: true, description: "Folder of a checkpoint, a .gguf file, or an id of the Hugging Face Hub" },
    text: { type: "string", valueHint: "text", description: "A text whose routing is shown" },
    ...backendFlag,
  },
  example: 'moekit inspect runs/sea --text "Call me Ishmael."',
  async run({ dir, text, backend, json }, terminal) {
    const path = await checkpointPath(dir, terminal);
    const model = await describeModel(path);
    if (text !== undefined) await selectBackend(backend as BackendName);
    const routing = text === undefined ? undefined : await routingOfText(path, text);
    if (json) return terminal.write(`${JSON.stringify({ ...model, routing })}\n`);
    terminal.write(`${modelText(model)}\n`);
    if (routing) terminal.write(`\n${routingText(routing, terminal.isTerminal)}\n`);
  },
});

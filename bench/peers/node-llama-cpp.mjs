/**
 * node-llama-cpp's public streaming API: `node node-llama-cpp.mjs folder model.gguf threads contextSize`, where the folder has it
 * among its node_modules. Each line `{ "ids": [...], "tokens": n }` continues the ids greedily by n tokens and streams them as
 * text; the answer is the milliseconds of one token, from the first token to the end.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [folder, modelPath, threads, contextSize] = process.argv.slice(2);
const home = join(folder, "node_modules/node-llama-cpp");
const { getLlama, LlamaCompletion, LlamaLogLevel } = await import(pathToFileURL(join(home, "dist/index.js")).href);
const llama = await getLlama({ gpu: false, build: "never", logLevel: LlamaLogLevel.error, maxThreads: Number(threads) });
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({ contextSize: Number(contextSize), threads: Number(threads), flashAttention: true });
const contextSequence = context.getSequence();
const completion = new LlamaCompletion({ contextSequence });
const say = (ms) => console.log(JSON.stringify({ peer: `node-llama-cpp ${JSON.parse(readFileSync(join(home, "package.json"), "utf8")).version}`, ms }));

say(0);
for await (const line of createInterface({ input: process.stdin })) {
  const { ids, tokens } = JSON.parse(line);
  say(await stream(ids, tokens));
}

async function stream(ids, maxTokens) {
  const times = [];
  let text = "";
  await contextSequence.clearHistory();
  await completion.generateCompletion(ids, { maxTokens, temperature: 0, repeatPenalty: false, onToken: (tokens) => tokens.forEach(() => times.push(performance.now())), onTextChunk: (chunk) => (text += chunk) });
  const end = performance.now();
  if (times.length !== maxTokens || text === "") throw new Error(`node-llama-cpp ended after ${times.length} of ${maxTokens} tokens`);
  return (end - times[0]) / (maxTokens - 1);
}

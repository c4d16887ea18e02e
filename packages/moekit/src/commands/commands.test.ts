import { cp, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SafetensorsFile } from "@moekit/models";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { jsonLines, moekit } from "../testing/fake-terminal.js";
import { tinyConfig } from "../testing/tiny-run.js";

const fixture = (family: string): string => fileURLToPath(new URL(`../../../models/fixtures/${family}`, import.meta.url));
const cpu = ["--backend", "cpu"];

let folder: string;
/** A trained checkpoint with a tokenizer. */
let run: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "moekit-commands-"));
  run = join(folder, "run");
  await moekit(["train", await tinyConfig(folder), "--out", run]);
});
afterAll(() => rm(folder, { recursive: true }));

async function tensorsOf(file: string): Promise<(name: string) => Promise<{ shape: readonly number[]; data: ArrayLike<number> }>> {
  const reader = await SafetensorsFile.open(file);
  const read = new Map<string, { shape: readonly number[]; data: ArrayLike<number> }>();
  for (const name of reader.tensors.keys()) read.set(name, await reader.read(name));
  await reader.close();
  return async (name) => read.get(name)!;
}

const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number => Array.from(a).reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), a.length === b.length ? 0 : Infinity);

/** The k largest of each row, best first. */
function best(logits: ArrayLike<number>, experts: number, k: number): number[] {
  const rows = Array.from({ length: logits.length / experts }, (_, row) => Array.from({ length: experts }, (_, e) => e).sort((a, b) => logits[row * experts + b]! - logits[row * experts + a]! || a - b));
  return rows.flatMap((row) => row.slice(0, k));
}

describe("moekit score", () => {
  it.each(["mixtral", "olmoe", "qwen3_moe"])("gives the numbers of transformers for %s", async (family) => {
    const want = await tensorsOf(join(fixture(family), "expected.safetensors"));
    const { shape, data } = await want("input_ids");
    const ids = Array.from({ length: shape[0]! }, (_, row) => Array.from(data).slice(row * shape[1]!, (row + 1) * shape[1]!));
    const [idsFile, out] = [join(folder, `${family}.json`), join(folder, `${family}.safetensors`)];
    await writeFile(idsFile, JSON.stringify(ids));
    const finished = await moekit(["score", fixture(family), "--ids", idsFile, "--out", out, "--json", ...cpu]);
    expect(finished).toMatchObject({ code: 0, notes: "" });
    const got = await tensorsOf(out);
    expect(largestDifference((await got("logits")).data, (await want("logits")).data)).toBeLessThan(2e-4);
    const tensors = Object.keys((JSON.parse(finished.out) as { tensors: object }).tensors);
    for (let i = 0; tensors.includes(`router_logits.${i}`); i++) {
      const router = await want(`router.${i}`);
      const expertIds = await got(`expert_ids.${i}`);
      expect(largestDifference((await got(`router_logits.${i}`)).data, router.data)).toBeLessThan(2e-4);
      expect(Array.from(expertIds.data)).toEqual(best(router.data, router.shape[1]!, expertIds.shape[1]!));
    }
    const aux = (await want("aux_loss")).data[0]!;
    expect((await got("aux_loss")).data[0]! / aux).toBeCloseTo(1, 5);
    const loss = (await want("loss")).data[0]!;
    expect((await got("loss")).data[0]! / loss).toBeCloseTo(1, 5);
    expect((await got("cross_entropy")).data[0]! / (loss - 0.01 * aux)).toBeCloseTo(1, 5);
  });

  it("computes on packed weights, near the exact ones", async () => {
    const [ids, exact, packed] = ["w.json", "exact", "packed"].map((name) => join(folder, name)) as [string, string, string];
    await writeFile(ids, "[[1, 2, 3, 4]]");
    for (const [out, weights] of [[exact, "float32"], [packed, "Q8_0"]] as const) expect((await moekit(["score", fixture("olmoe"), "--ids", ids, "--out", out, "--weights", weights, ...cpu])).code).toBe(0);
    const difference = largestDifference((await (await tensorsOf(packed))("logits")).data, (await (await tensorsOf(exact))("logits")).data);
    expect(difference).toBeGreaterThan(0);
    expect(difference).toBeLessThan(0.05);
    expect(await moekit(["score", fixture("olmoe"), "--ids", ids, "--out", exact, "--weights", "q7", ...cpu])).toMatchObject({ code: 2, notes: expect.stringContaining("--weights must be one of float32, as-stored") as string });
  });

  it("leaves experts in their file, and computes and routes the same", async () => {
    const [ids, file, all, few] = ["few.json", "few.gguf", "all", "few"].map((name) => join(folder, name)) as [string, string, string, string];
    await writeFile(ids, "[[1, 2, 3, 4]]");
    await moekit(["convert", fixture("olmoe"), "--to", "gguf", "--quantize", "q8_0", "--out", file]);
    const score = (out: string, ...flags: string[]) => moekit(["score", file, "--ids", ids, "--out", out, ...flags, ...cpu]);
    expect((await score(all, "--weights", "as-stored")).code).toBe(0);
    expect(await score(few, "--weights", "as-stored", "--expert-cache", "0.00001")).toMatchObject({ code: 0, notes: "" });
    expect((await (await tensorsOf(few))("logits")).data).toEqual((await (await tensorsOf(all))("logits")).data);
    expect(await score(few, "--expert-cache", "1")).toMatchObject({ code: 2, notes: expect.stringContaining("--expert-cache keeps packed experts: pass --weights as-stored too") as string });
    expect(await score(few, "--weights", "as-stored", "--expert-cache", "0")).toMatchObject({ code: 2, notes: expect.stringContaining('--expert-cache must be a number above 0; got "0"') as string });
    expect(await score(few, "--weights", "as-stored", "--expert-cache", "1e-9")).toMatchObject({ code: 2, notes: expect.stringContaining("expertCacheBytes must be at least") as string });
  });

  it("takes the ids of an encoder-decoder as an object, and says so", async () => {
    const family = "switch_transformers";
    const want = await tensorsOf(join(fixture(family), "expected.safetensors"));
    const rows = async (name: string) => {
      const { shape, data } = await want(name);
      return Array.from({ length: shape[0]! }, (_, row) => Array.from(data).slice(row * shape[1]!, (row + 1) * shape[1]!));
    };
    const [idsFile, out] = [join(folder, `${family}.json`), join(folder, `${family}.safetensors`)];
    await writeFile(idsFile, JSON.stringify({ input_ids: await rows("input_ids"), decoder_input_ids: await rows("decoder_input_ids") }));
    expect(await moekit(["score", fixture(family), "--ids", idsFile, "--out", out, ...cpu])).toMatchObject({ code: 0, notes: "" });
    const got = await tensorsOf(out);
    for (const name of ["logits", "encoder_last"]) expect(largestDifference((await got(name)).data, (await want(name)).data)).toBeLessThan(2e-4);
    expect((await got("loss")).data[0]! / (await want("loss")).data[0]!).toBeCloseTo(1, 5);
    await writeFile(idsFile, "[[1, 2]]");
    expect(await moekit(["score", fixture(family), "--ids", idsFile, "--out", out, ...cpu])).toMatchObject({ code: 1, notes: expect.stringContaining("this model is an encoder-decoder") as string });
  });

  it("writes 16-bit floats when asked to", async () => {
    await writeFile(join(folder, "ids.json"), "[[1, 2, 3]]");
    const out = join(folder, "half.safetensors");
    const { out: text, code } = await moekit(["score", fixture("olmoe"), "--ids", join(folder, "ids.json"), "--out", out, "--dtype", "bf16", ...cpu]);
    expect(code).toBe(0);
    expect(text).toMatch(/^loss \d+\.\d{6}: cross entropy \d+\.\d{6} nats, aux loss \d+\.\d{6}\n13 tensors in /);
    const reader = await SafetensorsFile.open(out);
    expect([reader.tensors.get("logits")!.dtype, reader.tensors.get("expert_ids.0")!.dtype]).toEqual(["BF16", "I32"]);
    await reader.close();
  });

  it.each([
    ["[[1, 2], [3]]", "sequence 1 has 1 tokens"],
    ["[[1, 160]]", "token id 160 in sequence 0 is not from 0 to 159"],
    ["[[1, -2]]", "at [0][1]"],
    ["[1, 2]", "must be rows of token ids like [[1, 2], [3, 4]]"],
    ["[1, 2]", "at [0]"],
    ['{"input_ids": [[1]], "ids": [[2]]}', 'Unrecognized key: "ids"'],
    ['{"input_ids": [[1, 2]], "decoder_input_ids": [[0]]}', "this model is a decoder"],
    ["[[1,", "is not JSON"],
  ])("refuses the ids %s", async (json, message) => {
    await writeFile(join(folder, "bad.json"), json);
    const { code, notes } = await moekit(["score", fixture("olmoe"), "--ids", join(folder, "bad.json"), "--out", join(folder, "x"), ...cpu]);
    expect(code).toBe(1);
    expect(notes).toContain(message);
  });

  it("refuses a file that is cut short, and one whose header lies", async () => {
    const broken = join(folder, "broken");
    await cp(fixture("olmoe"), broken, { recursive: true });
    await truncate(join(broken, "model.safetensors"), 5000);
    const args = ["score", broken, "--ids", join(folder, "ids.json"), "--out", join(folder, "x"), ...cpu];
    expect(await moekit(args)).toMatchObject({ code: 1, notes: expect.stringMatching(/^moekit score: .*model\.safetensors.*\n$/) as string });
    await writeFile(join(broken, "model.safetensors"), Buffer.alloc(64, 0x7f));
    expect(await moekit(args)).toMatchObject({ code: 1, notes: expect.stringMatching(/^moekit score: .*model\.safetensors.*\n$/) as string });
  });

  it("refuses a format it does not know", async () => {
    expect(await moekit(["score", fixture("olmoe"), "--ids", "a", "--out", "b", "--dtype", "f8"])).toMatchObject({ code: 2, notes: expect.stringContaining("f32, f16, bf16") as string });
  });
});

describe("moekit generate", () => {
  it("streams the text after the prompt, the same for the same seed", async () => {
    const pieces: string[] = [];
    const args = ["generate", run, "--prompt", "The whale", "--max-tokens", "12", "--temperature", "1", "--seed", "5", ...cpu];
    const first = await moekit(args, (text) => pieces.push(text));
    expect(first).toMatchObject({ code: 0, notes: "" });
    expect(pieces[0]).toBe("The whale");
    expect(pieces.length).toBeGreaterThan(4);
    expect((await moekit(args)).out).toBe(first.out);
    expect((await moekit([...args.slice(0, -3), "6", ...cpu])).out).not.toBe(first.out);
  });

  it("lets an encoder-decoder answer", async () => {
    const answering = join(folder, "answering");
    await cp(fixture("switch_transformers"), answering, { recursive: true });
    const vocab = Object.fromEntries(Array.from({ length: 160 }, (_, id) => [`w${id}`, id]));
    await writeFile(join(answering, "tokenizer.json"), JSON.stringify({ version: "1.0", added_tokens: [], normalizer: null, pre_tokenizer: { type: "WhitespaceSplit" }, post_processor: null, decoder: { type: "WordPiece", prefix: "##", cleanup: false }, model: { type: "WordPiece", vocab, unk_token: "w2", continuing_subword_prefix: "##", max_input_chars_per_word: 100 } }));
    const want = await tensorsOf(join(answering, "expected.safetensors"));
    const { data, shape } = await want("input_ids");
    const prompt = Array.from(data).slice(0, shape[1]).map((id) => `w${id}`).join(" ");
    const { out, ...finished } = await moekit(["generate", answering, "--prompt", prompt, "--max-tokens", "10", "--temperature", "0", "--json", ...cpu]);
    expect(finished).toMatchObject({ code: 0, notes: "" });
    const { ids, text } = JSON.parse(out) as { ids: number[]; text: string };
    // The first of them is the start token; ours end where the model says its end token, 1.
    const answer = Array.from((await want("greedy")).data).slice(1);
    expect(ids).toEqual(answer.slice(0, answer.includes(1) ? answer.indexOf(1) : undefined));
    expect(text).toBe(ids.map((id) => `w${id}`).join(" "));
  });

  it("gives one object with --json", async () => {
    const { out } = await moekit(["generate", run, "--prompt", "The", "--max-tokens", "3", "--temperature", "0", "--json", ...cpu]);
    expect(JSON.parse(out)).toMatchObject({ prompt: "The", text: expect.any(String) as string, ids: [expect.any(Number), expect.any(Number), expect.any(Number)] as number[], tokensPerSecond: expect.any(Number) as number });
  });

  it("stops on Ctrl-C between two tokens, with code 130", async () => {
    let pieces = 0;
    const { code, notes } = await moekit(["generate", run, "--prompt", "The", "--max-tokens", "500", "--temperature", "1", ...cpu], (_text, pressCtrlC) => ++pieces === 4 && pressCtrlC());
    expect(code).toBe(130);
    expect(notes).toContain("moekit generate: interrupted");
    expect(pieces).toBeLessThan(8);
  });

  it.each([
    [["--top-p", "0"], "--top-p must be a number above 0 and at most 1"],
    [["--max-tokens", "0"], "--max-tokens must be a whole number of at least 1"],
    [["--temperature", "hot"], "--temperature must be a number"],
    [["--seeds", "1"], "unknown option --seeds"],
    [["--backend", "gpu"], 'unknown name "gpu"'],
  ])("refuses %j with code 2", async (flags, message) => {
    const { code, notes } = await moekit(["generate", run, "--prompt", "a", ...flags]);
    expect(code).toBe(2);
    expect(notes).toContain(message);
  });

  it("refuses a folder without a tokenizer or without a model with code 1", async () => {
    expect(await moekit(["generate", fixture("olmoe"), "--prompt", "a", ...cpu])).toMatchObject({ code: 1, notes: expect.stringContaining("has no tokenizer.json") as string });
    expect(await moekit(["generate", "nowhere", "--prompt", "a", ...cpu])).toMatchObject({ code: 1, notes: expect.stringContaining('there is no file or folder "nowhere"') as string });
    expect(await moekit(["generate", folder, "--prompt", "a", ...cpu])).toMatchObject({ code: 1, notes: expect.stringContaining("config.json is missing") as string });
  });
});

async function tensorNames(dir: string): Promise<string[]> {
  const reader = await SafetensorsFile.open(join(dir, "model.safetensors"));
  await reader.close();
  return [...reader.tensors.keys()];
}

describe("moekit convert", () => {
  it("writes a GGUF file that scores as its folder does, and a folder of it again", async () => {
    const [file, back, ids] = [join(folder, "mixtral.gguf"), join(folder, "mixtral-back"), join(folder, "few.json")];
    await writeFile(ids, "[[5, 9, 3, 7]]");
    expect(await moekit(["convert", fixture("mixtral"), "--to", "gguf", "--quantize", "Q8_0", "--out", file])).toMatchObject({ code: 0, out: `${(await tensorNames(fixture("mixtral"))).length} tensors in ${file}\n` });
    expect((await moekit(["convert", file, "--to", "safetensors", "--dtype", "f32", "--out", back])).code).toBe(0);
    for (const [path, out] of [[file, "a"], [back, "b"]] as const) expect((await moekit(["score", path, "--ids", ids, "--out", join(folder, out), ...cpu])).code).toBe(0);
    const [a, b] = [await tensorsOf(join(folder, "a")), await tensorsOf(join(folder, "b"))];
    expect((await a("logits")).data).toEqual((await b("logits")).data);
    expect((await moekit(["inspect", file, "--json"])).out).toBe((await moekit(["inspect", back, "--json"])).out);
  });

  it.each([
    [["--to", "gguf", "--dtype", "bf16"], "--dtype is for --to safetensors"],
    [["--to", "safetensors", "--quantize", "q8_0"], "--quantize is for --to gguf"],
    [["--to", "gguf", "--quantize", "q9"], "--quantize must be one of f32, f16"],
    [["--to", "onnx"], "--to"],
  ])("refuses %j with code 2", async (flags, message) => {
    const { code, notes } = await moekit(["convert", fixture("olmoe"), "--out", join(folder, "x"), ...flags]);
    expect(code).toBe(2);
    expect(notes).toContain(message);
  });
});

describe("moekit inspect", () => {
  it("counts parameters, active ones and work, layer by layer", async () => {
    const { out } = await moekit(["inspect", fixture("olmoe"), "--json"]);
    const model = JSON.parse(out) as { parameters: number; activeParameters: number; layers: { numExperts: number; topK: number }[] };
    // 2 tables of 160 x 32 and a norm; per layer attention 2 * 32 * 32 + 2 * 32 * 16, norms of queries and keys 32 + 16,
    // 2 norms, a router of 8 x 32, and 8 experts of 3 * 32 * 16, of which a token meets 3.
    const layer = 2 * 32 * 32 + 2 * 32 * 16 + 48 + 64 + 8 * 32;
    expect(model.parameters).toBe(2 * 160 * 32 + 32 + 3 * (layer + 8 * 1536));
    expect(model.activeParameters).toBe(2 * 160 * 32 + 32 + 3 * (layer + 3 * 1536));
    expect(model.layers.map(({ numExperts, topK }) => [numExperts, topK])).toEqual([[8, 3], [8, 3], [8, 3]]);
    const text = (await moekit(["inspect", fixture("olmoe")])).out;
    expect(text).toContain("57.5 k (57,456)");
    expect(text).toMatch(/0 {2}moe +8 +3 +16 +1,536/);
  });

  it("counts both stacks of an encoder-decoder", async () => {
    const family = fixture("switch_transformers");
    const pair = JSON.parse((await moekit(["inspect", family, "--json"])).out) as { parameters: number; activeParameters: number };
    // 4 of the 8 layers have 6 experts of 2 * 32 * 40 weights, of which a token meets 1.
    expect(pair.parameters - pair.activeParameters).toBe(4 * 5 * 2 * 32 * 40);
    const { out } = await moekit(["inspect", family]);
    expect(out).toContain("switch_transformers: encoder of 4 layers, decoder of 4, width 32, vocabulary 160\n");
    expect(out).toMatch(/decoder +1 {2}moe +6 +1 +40 +2,560/);
    expect(await moekit(["inspect", family, "--text", "a"])).toMatchObject({ code: 2, notes: expect.stringContaining("this model is an encoder-decoder") as string });
  });

  it("shows the routing of a text: a table of tokens, or colours on a terminal", async () => {
    const plain = (await moekit(["inspect", run, "--text", "The whale sang", ...cpu])).out;
    expect(plain).toMatch(/token +layer 0 +layer 1\n/);
    expect(plain).toMatch(/"The" +\d \(\d\.\d\d\) \d \(\d\.\d\d\)/);
    expect(plain).not.toContain("\x1b");
    const coloured = (await moekit(["inspect", run, "--text", "The whale sang", ...cpu], undefined, true)).out;
    expect(coloured).toContain("\x1b[48;5;");
  });

  it("gives experts, gates and load as JSON", async () => {
    const { routing } = jsonLines<{ routing: { tokens: { experts: number[][]; gates: number[][] }[]; load: number[][] } }>((await moekit(["inspect", run, "--text", "The whale", "--json", ...cpu])).out)[0]!;
    for (const { experts, gates } of routing.tokens) {
      expect(experts.map((layer) => layer.length)).toEqual([2, 2]);
      for (const layer of gates) expect(layer[0]! + layer[1]!).toBeCloseTo(1, 5);
    }
    for (const layer of routing.load) expect(layer.reduce((a, b) => a + b, 0)).toBe(2 * routing.tokens.length);
  });
});

describe("moekit doctor", () => {
  it("says what was chosen and why each other backend was not", async () => {
    const diagnosis = JSON.parse((await moekit(["doctor", "--json"])).out) as { node: string; backend: { name: string; candidates: { name: string; status: string; reason: string }[] } };
    expect(diagnosis.node).toBe(process.versions.node);
    expect(diagnosis.backend.candidates.map(({ name }) => name)).toEqual(["cuda", "webgpu", "native", "tensorflow", "wasm", "cpu"]);
    expect(diagnosis.backend.candidates.filter(({ status }) => status === "chosen").map(({ name }) => name)).toEqual([diagnosis.backend.name]);
    for (const { reason } of diagnosis.backend.candidates) expect(reason.length).toBeGreaterThan(5);
    const text = (await moekit(["doctor"])).out;
    for (const word of ["Node", "processor", "memory", "backend", "webgpu", "not-asked"]) expect(text).toContain(word);
  });
});

/** A model of random weights, written as a GGUF file tensor by tensor. */
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportGguf, type GgufExportType, type GgufValue, type HostTensor, type HuggingFaceConfig, type TensorReader } from "@moekit/models";

/** Qwen3-MoE shape: 8 layers, width 1024, 64 experts of width 512, top 8; 835 M parameters, 131 M for each token. */
export const CONFIG: HuggingFaceConfig = {
  model_type: "qwen3_moe", vocab_size: 4096, hidden_size: 1024, intermediate_size: 512, moe_intermediate_size: 512, num_hidden_layers: 8, num_attention_heads: 16,
  num_key_value_heads: 4, head_dim: 64, num_experts: 64, num_experts_per_tok: 8, norm_topk_prob: true, max_position_embeddings: 2048, rms_norm_eps: 1e-6,
  rope_theta: 1e6, decoder_sparse_step: 1, tie_word_embeddings: false,
};

/** The path of the model's GGUF file of that type; made on first use. */
export async function syntheticGguf(quantize: GgufExportType): Promise<string> {
  const path = join(tmpdir(), `moekit-bench-qwen3moe-bpe-${quantize}.gguf`);
  if (!existsSync(path)) await exportGguf({ config: CONFIG, weights: randomWeights() }, path, { quantize, metadata: vocabulary(4096) });
  return path;
}

/** A byte-level BPE tokenizer of made-up words: the bytes, then letters joined to what came before, then one that ends a text. */
function vocabulary(size: number): Map<string, GgufValue> {
  const tokens = BYTES.slice();
  const merges: string[] = [];
  const letters = [..."etaoinshrdlucmfw"];
  for (let at = 0; tokens.length < size - 1; at++) {
    const [start, letter] = [at < 16 ? letters[at]! : tokens[256 + Math.floor(at / 16) - 1]!, letters[at % 16]!];
    if (tokens.includes(start + letter)) continue;
    tokens.push(start + letter);
    merges.push(`${start} ${letter}`);
  }
  tokens.push("<|end|>");
  const types = new Int32Array(size).fill(1);
  types[size - 1] = 3;
  return new Map<string, GgufValue>([
    ["tokenizer.ggml.model", { type: "string", value: "gpt2" }],
    ["tokenizer.ggml.pre", { type: "string", value: "gpt-2" }],
    ["tokenizer.ggml.tokens", { type: "array", of: "string", value: tokens }],
    ["tokenizer.ggml.token_type", { type: "array", of: "i32", value: types }],
    ["tokenizer.ggml.merges", { type: "array", of: "string", value: merges }],
    ["tokenizer.ggml.eos_token_id", { type: "u32", value: size - 1 }],
    ["tokenizer.ggml.bos_token_id", { type: "u32", value: size - 1 }],
    ["tokenizer.ggml.add_bos_token", { type: "bool", value: false }],
  ]);
}

/** How byte-level BPE writes each byte: printable ones as they are, the others as letters from U+0100 on. */
const BYTES = Array.from({ length: 256 }, (_, byte) => byte).map((byte, _i, all) => {
  const isPlain = (code: number) => (code >= 33 && code <= 126) || (code >= 161 && code <= 172) || code >= 174;
  return String.fromCodePoint(isPlain(byte) ? byte : 256 + all.slice(0, byte).filter((other) => !isPlain(other)).length);
});

function randomWeights(): TensorReader {
  const shapes = shapesOf();
  const tensors = new Map([...shapes].map(([name, shape]) => [name, { dtype: "F32" as const, shape, begin: 0, end: 0 }]));
  const read = async (name: string): Promise<HostTensor> => ({ shape: shapes.get(name)!, data: values(name, shapes.get(name)!) });
  return { tensors, read, readInto: async (name, target) => target.set((await read(name)).data), close: async () => {} };
}

function shapesOf(): Map<string, number[]> {
  const [V, D, F, E, layers] = [4096, 1024, 512, 64, 8];
  const shapes = new Map<string, number[]>([["model.embed_tokens.weight", [V, D]], ["model.norm.weight", [D]], ["lm_head.weight", [V, D]]]);
  for (let layer = 0; layer < layers; layer++) {
    const add = (name: string, shape: number[]) => shapes.set(`model.layers.${layer}.${name}`, shape);
    for (const norm of ["input_layernorm", "post_attention_layernorm"]) add(`${norm}.weight`, [D]);
    for (const [name, rows] of [["q", 1024], ["k", 256], ["v", 256]] as const) add(`self_attn.${name}_proj.weight`, [rows, D]);
    add("self_attn.o_proj.weight", [D, 1024]);
    for (const norm of ["q_norm", "k_norm"]) add(`self_attn.${norm}.weight`, [64]);
    add("mlp.gate.weight", [E, D]);
    for (let expert = 0; expert < E; expert++) {
      for (const part of ["gate", "up"]) add(`mlp.experts.${expert}.${part}_proj.weight`, [F, D]);
      add(`mlp.experts.${expert}.down_proj.weight`, [D, F]);
    }
  }
  return shapes;
}

/** Norms are 1; matrices uniform with standard deviation 0.02, embeddings and routers larger, so that tokens differ and routing is decisive. */
function values(name: string, shape: readonly number[]): Float32Array {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  if (shape.length === 1) return data.fill(1);
  const scale = name.includes("embed") ? 1 : name.includes("mlp.gate.") ? 0.2 : 0.02;
  let state = [...name].reduce((hash, letter) => (hash * 31 + letter.charCodeAt(0)) >>> 0, 7) | 1;
  for (let i = 0; i < data.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    data[i] = (state / 2 ** 31) * scale * Math.sqrt(3);
  }
  return data;
}

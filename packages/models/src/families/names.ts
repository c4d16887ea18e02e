/** What most families call their tensors, by parameter path. */
import { perExpert, type Placing } from "../layout/place.js";
import type { Placings } from "./family.js";

/** Weight and bias of each module of a map from paths to names. */
export function modules(names: Readonly<Record<string, string>>): Placings {
  return Object.fromEntries(Object.entries(names).flatMap(([path, name]) => ["weight", "bias"].map((part) => [`${path}.${part}`, `${name}.${part}`])));
}

export const OUTSIDE: Placings = { ...modules({ embedding: "model.embed_tokens", norm: "model.norm", head: "lm_head" }), headBias: "lm_head.bias" };

export const NORMS: Placings = modules({ attentionNorm: "input_layernorm", feedForwardNorm: "post_attention_layernorm" });

const PROJECTIONS = { "attention.query": "self_attn.q_proj", "attention.key": "self_attn.k_proj", "attention.value": "self_attn.v_proj", "attention.output": "self_attn.o_proj" };

/** Grouped-query attention. */
export const ATTENTION: Placings = modules({ ...PROJECTIONS, "attention.queryNorm": "self_attn.q_norm", "attention.keyNorm": "self_attn.k_norm" });

/** A SwiGLU block of three projections, e.g. `swigluNames("dense", "mlp")`. */
export function swigluNames(path: string, name: string): Placings {
  return modules({ [`${path}.gate`]: `${name}.gate_proj`, [`${path}.up`]: `${name}.up_proj`, [`${path}.down`]: `${name}.down_proj` });
}

export const DENSE: Placings = swigluNames("dense", "mlp");

/** Experts with a tensor for each of their three matrices; `{e}` stands for the expert. */
export function expertNames({ gate, up, down }: { gate: string; up: string; down: string }): Placings {
  return { "moe.experts.gate": perExpert(gate), "moe.experts.up": perExpert(up), "moe.experts.down": perExpert(down) };
}

/** The names that olmoe, the Qwen MoE families and many after them share. */
export const EXPERTS: Placings = expertNames({ gate: "mlp.experts.{e}.gate_proj.weight", up: "mlp.experts.{e}.up_proj.weight", down: "mlp.experts.{e}.down_proj.weight" });

export const ROUTER: Readonly<Record<string, Placing>> = { "moe.router.weight": "mlp.gate.weight" };

/** A decoder of the usual names: grouped attention, dense blocks, experts. */
export const STANDARD_LAYER: Placings = { ...NORMS, ...ATTENTION, ...DENSE, ...ROUTER, ...EXPERTS };

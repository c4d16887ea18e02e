/** Reference checkpoints of this package's tests, and the backends they run on. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import type { HostTensor } from "../safetensors/host-tensor.js";
import { SafetensorsFile } from "../safetensors/safetensors-file.js";

export const FAMILIES = ["llama", "qwen3", "mixtral", "olmoe", "qwen2_moe", "qwen3_moe", "glm4_moe", "granitemoe", "granitemoeshared", "ernie4_5_moe", "hunyuan_v1_moe", "flex_olmo", "minimax", "phimoe", "gpt_oss", "llama4_text", "deepseek_v2", "deepseek_v3", "jetmoe"] as const;
/** Checkpoints with options that the first ones lack; the name says which. */
export const OPTIONS = ["mixtral_window_linear", "olmoe_bias_llama3_renormalised", "qwen3_moe_tied_yarn_window_bias", "minimax_tied_yarn_window_factors", "phimoe_tied_window_longrope", "gpt_oss_tied_linear_top3", "llama4_tied_chunks_top2", "jetmoe_tied_yarn_top3", "deepseek_v2_greedy_yarn_bias", "deepseek_v3_half_yarn_bias_tied", "hunyuan_one_expert_alpha_long", "glm4_moe_odd_rotary_no_shared_padding"] as const;
export const BACKENDS = ["cpu", "wasm"] as const;

const FIXTURES = new URL("../../fixtures/", import.meta.url);
/** @param family - A folder of fixtures, or an absolute path. */
export const fixtureFolder = (family: string): string => fileURLToPath(new URL(family, FIXTURES));

/** All tensors of a file of a fixture. */
export async function fixtureTensors(family: string, file: string): Promise<Record<string, HostTensor>> {
  const reader = await SafetensorsFile.open(`${fixtureFolder(family)}/${file}`);
  const tensors: Record<string, HostTensor> = {};
  for (const name of reader.tensors.keys()) tensors[name] = await reader.read(name);
  await reader.close();
  return tensors;
}

export function fixtureJson<T>(family: string, file: string): T {
  return JSON.parse(readFileSync(`${fixtureFolder(family)}/${file}`, "utf8")) as T;
}

export async function useBackend(name: string): Promise<void> {
  await tf.setBackend(name);
  await tf.ready();
}

/** Rows of a `[B, S]` tensor. */
export function rowsOf({ shape, data }: HostTensor): number[][] {
  const [count, length] = shape as [number, number];
  return Array.from({ length: count }, (_, row) => [...data.subarray(row * length, (row + 1) * length)]);
}

/** Largest absolute difference. */
export function maxDifference(got: ArrayLike<number>, want: ArrayLike<number>): number {
  if (got.length !== want.length) return Infinity;
  let largest = 0;
  // Written so that a NaN on either side is not overlooked.
  for (let i = 0; i < want.length; i++) if (!(Math.abs(got[i]! - want[i]!) <= largest)) largest = Math.abs(got[i]! - want[i]!);
  return largest;
}

/** Norm of the difference over the norm of what is wanted. */
export function relativeDifference(got: ArrayLike<number>, want: ArrayLike<number>): number {
  if (got.length !== want.length) return Infinity;
  let [difference, norm] = [0, 0];
  for (let i = 0; i < want.length; i++) {
    difference += (got[i]! - want[i]!) ** 2;
    norm += want[i]! ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / norm);
}

import { disposeParameters } from "@moekit/core";
import { loadModel, loadTokenizer, type LoadOptions } from "@moekit/models";
import { routedTokens, type RoutedToken } from "@moekit/report";
import { routingOf } from "../training/routing-of.js";

/**
 * How a text went through a model.
 * @example const { tokens, load }: TextRouting = await routingOfText("runs/sea", "Call me Ishmael.");
 */
export interface TextRouting {
  /** Each token with its experts in every MoE layer, best first. */
  readonly tokens: readonly RoutedToken[];
  /** Indices of the MoE layers in the model. */
  readonly layers: readonly number[];
  /** `[layer][expert]` choices. */
  readonly load: readonly (readonly number[])[];
}

/**
 * Routes a text through a checkpoint, on the active backend.
 * @throws CheckpointError if the folder has no model or tokenizer, DataError if the text is empty.
 * @example const { tokens } = await routingOfText("runs/sea", "Call me Ishmael.");
 */
export async function routingOfText(folder: string, text: string, options: LoadOptions = {}): Promise<TextRouting> {
  const [model, tokenizer] = [await loadModel(folder, options), await loadTokenizer(folder)];
  try {
    const ids = tokenizer.encode(text);
    const layers = ids.length > 0 ? await routingOf(model, Int32Array.from(ids)) : [];
    const load = layers.map(({ layer, expertIds }) => counts(expertIds, numExperts(model.config.layers[layer]!)));
    return { tokens: routedTokens(ids.map((id) => tokenizer.decode([id])), layers), layers: layers.map(({ layer }) => layer), load };
  } finally {
    disposeParameters(model);
  }
}

const numExperts = ({ feedForward }: { feedForward: { kind: "moe"; numExperts: number } | { kind: "dense" } }): number => (feedForward.kind === "moe" ? feedForward.numExperts : 0);

function counts(expertIds: Int32Array, experts: number): number[] {
  const found = new Array<number>(experts).fill(0);
  for (const id of expertIds) if (id >= 0) found[id]!++;
  return found;
}

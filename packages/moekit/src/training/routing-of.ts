import * as tf from "@tensorflow/tfjs";
import { UnsupportedOpError, type Routing } from "@moekit/core";
import type { MoeTransformer } from "@moekit/models";

/** The decisions of one MoE layer as plain arrays, `[T * K]`, best first, -1 and 0 in empty slots. */
export interface LayerChoices {
  readonly layer: number;
  readonly slots: number;
  readonly expertIds: Int32Array;
  readonly gates: Float32Array;
}

/** What all routers of a model decide for sequences of token ids. @param ids - `[B * S]`, row by row. */
export async function routingOf(model: MoeTransformer, ids: Int32Array, batchSize = 1): Promise<LayerChoices[]> {
  const entries = tf.tidy(() => model.forward(tf.tensor2d(ids, [batchSize, ids.length / batchSize], "int32")).trace.map(({ layer, routing }) => ({ layer, ...chosen(routing) })));
  const read = entries.map(async ({ layer, kind, ids: chosenIds, gates }): Promise<LayerChoices> => {
    const [expertIds, weights] = [(await chosenIds.data()) as Int32Array, (await gates.data()) as Float32Array];
    if (kind === "expert-choice") return { layer, ...byToken(expertIds, weights, chosenIds.shape[1]!, ids.length) };
    return { layer, slots: chosenIds.shape[1]!, expertIds, gates: weights };
  });
  const choices = await Promise.all(read);
  tf.dispose(entries.flatMap(({ ids: chosenIds, gates }) => [chosenIds, gates]));
  return choices;
}

function chosen(routing: Routing): { kind: Routing["kind"]; ids: tf.Tensor; gates: tf.Tensor } {
  if (routing.kind === "token-choice") return { kind: routing.kind, ids: routing.expertIds, gates: routing.gates };
  if (routing.kind === "expert-choice") return { kind: routing.kind, ids: routing.tokenIds, gates: routing.gates };
  throw new UnsupportedOpError("routingOf: a router that mixes all experts has no choices to show.");
}

/** Turns `[E, C]` tokens of experts into experts of tokens, the largest gate first. */
function byToken(tokenIds: Int32Array, gates: Float32Array, capacity: number, numTokens: number): Omit<LayerChoices, "layer"> {
  const experts = Array.from({ length: numTokens }, (): { expert: number; gate: number }[] => []);
  tokenIds.forEach((token, i) => token >= 0 && experts[token]!.push({ expert: Math.floor(i / capacity), gate: gates[i]! }));
  const slots = Math.max(1, ...experts.map((list) => list.length));
  const [ids, weights] = [new Int32Array(numTokens * slots).fill(-1), new Float32Array(numTokens * slots)];
  experts.forEach((list, token) =>
    list.sort((a, b) => b.gate - a.gate).forEach(({ expert, gate }, k) => {
      ids[token * slots + k] = expert;
      weights[token * slots + k] = gate;
    }),
  );
  return { slots, expertIds: ids, gates: weights };
}

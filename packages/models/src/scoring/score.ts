import * as tf from "@tensorflow/tfjs";
import { crossEntropy, DataError, type RoutingTrace } from "@moekit/core";
import type { MoeTransformer } from "../moe-transformer.js";
import type { HostTensor } from "../safetensors/host-tensor.js";
import { huggingFaceAuxLoss } from "./aux-loss.js";
import { recordedTrace } from "./recorded-trace.js";

/**
 * Mean cross entropy in nats of each token given those before it.
 *
 * @param logits - `[B, S, V]`.
 * @param ids - `[B, S]` int32.
 * @returns A scalar over the B (S - 1) predicted tokens.
 * @example const loss = nextTokenLoss(model.forward(ids).logits, ids);
 */
export function nextTokenLoss(logits: tf.Tensor3D, ids: tf.Tensor2D): tf.Scalar {
  const [batch, length, vocab] = logits.shape;
  return tf.tidy(() => {
    const logits_TV: tf.Tensor2D = tf.reshape(tf.slice(logits, [0, 0, 0], [batch, length - 1, vocab]), [batch * (length - 1), vocab]);
    const targets_T: tf.Tensor1D = tf.reshape(tf.slice(ids, [0, 1], [batch, length - 1]), [batch * (length - 1)]);
    return tf.mean(crossEntropy(logits_TV, targets_T)) as tf.Scalar;
  });
}

/**
 * Runs a model on token ids and returns everything that another implementation can be compared with.
 *
 * @param ids - Sequences of equal length, at least 2 tokens each.
 * @returns `logits` `[B, S, V]`; per MoE layer i, counted from 0, `router_logits.<i>` `[B*S, E]`, `expert_ids.<i>` `[B*S, K]`
 * int32 and `gates.<i>` `[B*S, K]`; `cross_entropy`, the mean over the next tokens in nats, `aux_loss`, see
 * {@link huggingFaceAuxLoss}, and `loss`, what transformers calls so and trains: `cross_entropy + auxLossCoefficient * aux_loss`;
 * all three `[]`. Ready for {@link writeSafetensors}.
 * @throws DataError if the sequences differ in length, are too short or have an id outside the vocabulary.
 * @example await writeSafetensors("scores.safetensors", await scoreModel(model, [[5, 7, 11]]));
 */
export async function scoreModel(model: MoeTransformer, ids: readonly (readonly number[])[]): Promise<Record<string, HostTensor>> {
  checkIds(ids, model.config.vocabSize);
  const results = tf.tidy(() => {
    const ids_BS = tf.tensor2d(ids.map((row) => [...row]), [ids.length, ids[0]!.length], "int32");
    const { logits, trace: own } = model.forward(ids_BS);
    const trace = recordedTrace(own, model.config);
    const [cross_entropy, aux_loss] = [nextTokenLoss(logits, ids_BS), huggingFaceAuxLoss(trace)];
    const loss = tf.add(cross_entropy, tf.mul(aux_loss, model.config.auxLossCoefficient));
    return { logits, loss, cross_entropy, aux_loss, ...routerTensors(trace) };
  });
  const host: Record<string, HostTensor> = {};
  for (const [name, tensor] of Object.entries(results)) host[name] = { shape: tensor.shape, data: (await tensor.data()) as Float32Array | Int32Array };
  tf.dispose(results);
  return host;
}

function routerTensors(trace: RoutingTrace): Record<string, tf.Tensor> {
  const entries = trace.flatMap(({ routing }, layer) => {
    const logits: [string, tf.Tensor] = [`router_logits.${layer}`, routing.logits];
    if (routing.kind !== "token-choice") return [logits];
    return [logits, [`expert_ids.${layer}`, routing.expertIds], [`gates.${layer}`, routing.gates]] as [string, tf.Tensor][];
  });
  return Object.fromEntries(entries);
}

function checkIds(ids: readonly (readonly number[])[], vocabSize: number): void {
  const length = ids[0]?.length ?? 0;
  if (length < 2) throw new DataError("scoreModel: at least one sequence of at least 2 tokens is needed.");
  ids.forEach((row, index) => {
    if (row.length !== length) throw new DataError(`scoreModel: sequence ${index} has ${row.length} tokens, the first has ${length}. Score sequences of equal length.`);
    const wrong = row.find((id) => !(Number.isInteger(id) && id >= 0 && id < vocabSize));
    if (wrong !== undefined) throw new DataError(`scoreModel: token id ${wrong} in sequence ${index} is not from 0 to ${vocabSize - 1}.`);
  });
}

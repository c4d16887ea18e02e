import * as tf from "@tensorflow/tfjs";
import { crossEntropy, DataError, type RoutingTrace } from "@moekit/core";
import type { HostTensor } from "../safetensors/host-tensor.js";
import type { EncoderDecoder } from "./encoder-decoder.js";
import { stackRouterLosses } from "./router-losses.js";

/**
 * What {@link scoreEncoderDecoder} runs a model on: rows of token ids, as many of each.
 * @example const ids: EncoderDecoderIds = { inputIds: [[5, 7, 1]], decoderInputIds: [[0, 9]] };
 */
export interface EncoderDecoderIds {
  readonly inputIds: readonly (readonly number[])[];
  readonly decoderInputIds: readonly (readonly number[])[];
  /** What each position of the decoder should say; -100 counts nothing. @defaultValue decoderInputIds */
  readonly labels?: readonly (readonly number[])[];
}

/**
 * Runs an encoder-decoder on token ids and returns everything that another implementation can be compared with.
 *
 * @returns `logits` `[B, U, V]`; `encoder_last` `[B, S, D]`, the encoder's output; per layer with experts i, counted from 0
 * in each stack, `encoder_router_logits.<i>` `[B*S, E]`, `encoder_expert_ids.<i>` `[B*S, 1]` int32 (-1 where the expert was
 * full), `encoder_gates.<i>` `[B*S, 1]`, and the same of the `decoder`; `cross_entropy` and `loss`, both the mean
 * cross entropy of the labels in nats, because transformers adds nothing to it unless asked; `encoder_aux_loss`,
 * `encoder_z_loss` and those of the decoder; `aux_loss`, of both stacks together. Losses are `[]`. Ready for {@link writeSafetensors}.
 * @throws DataError if rows differ in number or length or have an id outside the vocabulary.
 * @example await writeSafetensors("scores.safetensors", await scoreEncoderDecoder(model, { inputIds: [[5, 7, 1]], decoderInputIds: [[0, 9]] }));
 */
export async function scoreEncoderDecoder(model: EncoderDecoder, { inputIds, decoderInputIds, labels = decoderInputIds }: EncoderDecoderIds): Promise<Record<string, HostTensor>> {
  checkRows(model, { inputIds, decoderInputIds, labels });
  const results = tf.tidy(() => {
    const encoded = model.encode(idsOf(inputIds));
    const { logits, trace } = model.decode(idsOf(decoderInputIds), encoded.hidden);
    const loss = labelLoss(logits, labels);
    const [encoder, decoder] = [routers("encoder", encoded.trace, model, inputIds.length), routers("decoder", trace, model, inputIds.length)];
    const aux_loss = tf.add(encoder.encoder_aux_loss!, decoder.decoder_aux_loss!);
    return { logits, encoder_last: encoded.hidden, loss, cross_entropy: loss, aux_loss, ...encoder, ...decoder };
  });
  const host: Record<string, HostTensor> = {};
  for (const [name, tensor] of Object.entries(results)) host[name] = { shape: tensor.shape, data: (await tensor.data()) as Float32Array | Int32Array };
  tf.dispose(results);
  return host;
}

const idsOf = (rows: readonly (readonly number[])[]): tf.Tensor2D => tf.tensor2d(rows.map((row) => [...row]), [rows.length, rows[0]!.length], "int32");

/** Labels are not shifted: the decoder's input is what is shifted. */
function labelLoss(logits: tf.Tensor3D, labels: readonly (readonly number[])[]): tf.Tensor {
  const targets = labels.flat().map((id) => (id === IGNORED ? -1 : id));
  const losses_T = crossEntropy(tf.reshape(logits, [-1, logits.shape[2]]), tf.tensor1d(targets, "int32"));
  return tf.div(tf.sum(losses_T), targets.filter((id) => id >= 0).length);
}

const IGNORED = -100;

function routers(side: "encoder" | "decoder", trace: RoutingTrace, { config }: EncoderDecoder, batch: number): Record<string, tf.Tensor> {
  const { auxLoss, zLoss } = stackRouterLosses(trace, config[side], batch);
  const entries = trace.flatMap(({ routing }, index): [string, tf.Tensor][] => {
    if (routing.kind !== "token-choice") return [];
    return [[`${side}_router_logits.${index}`, routing.logits], [`${side}_expert_ids.${index}`, routing.expertIds], [`${side}_gates.${index}`, routing.gates]];
  });
  return { [`${side}_aux_loss`]: auxLoss, [`${side}_z_loss`]: zLoss, ...Object.fromEntries(entries) };
}

function checkRows({ config }: EncoderDecoder, ids: Required<EncoderDecoderIds>): void {
  const { inputIds, decoderInputIds } = ids;
  if (inputIds.length === 0) throw new DataError("scoreEncoderDecoder: at least one sequence is needed.");
  const lengths = { inputIds: inputIds[0]!.length, decoderInputIds: decoderInputIds[0]?.length, labels: decoderInputIds[0]?.length };
  for (const name of ["inputIds", "decoderInputIds", "labels"] as const) {
    const rows = ids[name];
    if (rows.length !== inputIds.length) throw new DataError(`scoreEncoderDecoder: ${name} has ${rows.length} rows, inputIds has ${inputIds.length}.`);
    const odd = rows.findIndex((row) => row.length === 0 || row.length !== lengths[name]);
    if (odd >= 0) throw new DataError(`scoreEncoderDecoder: row ${odd} of ${name} has ${rows[odd]!.length} tokens, where ${lengths[name] || "at least 1"} are needed. Score rows of equal length.`);
    const wrong = rows.flat().find((id) => !((Number.isInteger(id) && id >= 0 && id < config.vocabSize) || (name === "labels" && id === IGNORED)));
    if (wrong !== undefined) throw new DataError(`scoreEncoderDecoder: token id ${wrong} in ${name} is not from 0 to ${config.vocabSize - 1}.`);
  }
}

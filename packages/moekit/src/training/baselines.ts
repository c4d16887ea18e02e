import { evaluateNgram, trainKneserNey } from "@moekit/data";
import type { BaselineResult } from "./events.js";
import type { TrainingData } from "./training-data.js";

/** A Kneser-Ney model of one order, trained on the training tokens and measured on the same windows as the neural model. */
export function baseline(order: number, { tokenizer, train, heldOut, windows }: TrainingData): BaselineResult {
  const model = trainKneserNey(train.map(({ tokens }) => tokens), { order, vocabSize: tokenizer.vocabSize });
  const losses = heldOut.map((stream, i) => evaluateNgram(model, stream, windows[i]!));
  const bytes = losses.reduce((sum, loss) => sum + loss.bytes, 0);
  const bits = losses.reduce((sum, loss) => sum + loss.bitsPerByte * loss.bytes, 0);
  return { kind: "baseline", name: `${order}-gram`, losses, bitsPerByte: bits / bytes };
}

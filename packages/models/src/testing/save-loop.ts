/** Run by a test in a process of its own, which is killed: saves one model after the other into a folder, whole and in shards. */
import * as tf from "@tensorflow/tfjs";
import { disposeParameters } from "@moekit/core";
import { saveModel } from "../checkpoint/save-model.js";
import { modelOf } from "./numbered-model.js";

const [folder, first] = process.argv.slice(2) as [string, string];
await tf.setBackend("cpu");
for (let value = Number(first); ; value++) {
  const model = modelOf(value);
  await saveModel(model, folder, value % 2 === 0 ? {} : { maxShardBytes: 300 });
  disposeParameters(model);
  process.stdout.write(`${value}\n`);
}

/** Run by a test in a process of its own, which is killed: writes one checkpoint after the other, as fast as it can. */
import * as tf from "@tensorflow/tfjs";
import { writeCheckpoint } from "../checkpoint/write-checkpoint.js";
import { loopSnapshot } from "./loop-snapshot.js";

const [dir, first] = process.argv.slice(2) as [string, string];
await tf.setBackend("cpu");
process.stdout.write("ready\n");
for (let step = Number(first); ; step++) {
  const snapshot = loopSnapshot(step);
  await writeCheckpoint(dir, snapshot, 2);
  tf.dispose([snapshot.model, snapshot.optimizer, snapshot.controllers]);
}

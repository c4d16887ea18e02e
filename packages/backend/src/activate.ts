import * as tf from "@tensorflow/tfjs";

/**
 * Makes a registered backend the active one.
 * @throws Error if TensorFlow.js cannot start it.
 */
export async function activate(tfjsName: string): Promise<void> {
  if (!tf.findBackendFactory(tfjsName)) throw new Error(`TensorFlow.js has no backend "${tfjsName}": there are probably two copies of it (npm ls @tensorflow/tfjs-core)`);
  if (!(await tf.setBackend(tfjsName))) throw new Error("TensorFlow.js could not start it; its warning on the console says why");
}

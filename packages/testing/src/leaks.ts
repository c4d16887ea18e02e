import * as tf from "@tensorflow/tfjs";
import { expect } from "vitest";

/**
 * Fails if `run` leaves tensors behind, or buffers of the active backend that no tensor owns. Returns what `run` returns.
 * @example await expectNoLeaks(() => tf.dispose(layer.forward(x)));
 */
export async function expectNoLeaks<T>(run: () => T | Promise<T>): Promise<T> {
  const before = counts();
  const result = await run();
  expect(counts(), "tensors or buffers leaked").toEqual(before);
  return result;
}

const counts = () => ({ tensors: tf.memory().numTensors, buffers: tf.backend().numDataIds() });

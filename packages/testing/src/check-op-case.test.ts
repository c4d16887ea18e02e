import { type AnyOp, float32, type OpCase } from "@moekit/core/cases";
import { defineOp } from "@moekit/core";
import * as tf from "@tensorflow/tfjs";
import { expect, it } from "vitest";
import { checkOpCase } from "./check-op-case.js";
import { describeOn } from "./describe-on.js";
import { gradCheck } from "./grad-check.js";
import { expectNoLeaks } from "./leaks.js";

type X = { x: tf.Tensor };
type Parts = { name: string; forward?: (x: tf.Tensor) => tf.Tensor; backward?: (dy: tf.Tensor, x: tf.Tensor) => tf.Tensor };

/** The op 2 x with one part exchanged. */
function double({ name, forward = (x) => tf.mul(x, 2), backward = (dy) => tf.mul(dy, 2) }: Parts): OpCase {
  const op = defineOp({ name: `MoekitTest${name}`, reference: ({ x }: X) => forward(x), gradient: ([dy], { inputs: { x } }) => ({ x: () => backward(dy!, x) }) });
  const reference: OpCase["reference"] = ({ x }) => [{ ...x!, data: x!.data.map((value) => 2 * value) }];
  return { name, op: op as AnyOp, inputs: () => ({ x: float32([2, 2], [1, -2, 3, 4]) }), reference, differentiable: ["x"] };
}

await describeOn("remote-cpu", () => {
  it("passes an op that is right", () => checkOpCase(double({ name: "Right" })));

  it.each([
    ["a value that is off", double({ name: "Value", forward: (x) => tf.mul(x, 2.001) }), "output 0"],
    ["another shape", double({ name: "Shape", forward: (x) => tf.reshape(tf.mul(x, 2), [4]) }), "to deeply equal"],
    ["another dtype", double({ name: "Dtype", forward: (x) => tf.cast(tf.mul(x, 2), "int32") }), "to deeply equal"],
    ["a wrong gradient", double({ name: "Gradient", backward: (dy) => tf.mul(dy, 1.99) }), "gradient of x"],
    ["a gradient that mixes up elements", double({ name: "Mixed", backward: (dy) => tf.mul(tf.transpose(dy), 2) }), "gradient of x"],
    ["a read back in the forward pass", double({ name: "Forward", forward: (x) => tf.mul(x, 2 + 0 * x.dataSync()[0]!) }), "read back"],
    ["a read back in the backward pass", double({ name: "Backward", backward: (dy) => tf.mul(dy, 2 + 0 * dy.dataSync()[0]!) }), "read back"],
    ["a leak", double({ name: "Leak", forward: (x) => (tf.keep(tf.scalar(1)), tf.mul(x, 2)) }), "leaked"],
  ])("fails on %s", async (_what, opCase, message) => {
    await expect(checkOpCase(opCase)).rejects.toThrow(message);
  });

  it("gradCheck compares all elements of an output", async () => {
    const inputs = { x: float32([3], [1, 2, -3]) };
    const reference = ({ x }: typeof inputs) => x.data.map((value) => value ** 3);
    await gradCheck({ run: ({ x }) => tf.pow(x!, 3), reference: reference as never, inputs, tolerance: 1e-5 });
    await expect(gradCheck({ run: ({ x }) => tf.mul(x!, 3), reference: reference as never, inputs, tolerance: 1e-5 })).rejects.toThrow("gradient of x");
  });

  it("expectNoLeaks gives back what it ran", async () => {
    expect(await expectNoLeaks(() => 7)).toBe(7);
    await expect(expectNoLeaks(() => void tf.scalar(1))).rejects.toThrow("leaked");
  });
});

import "@moekit/testing";
import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { battery } from "./testing/battery.js";
import type { BatteryCase } from "./testing/battery-case.js";
import { describeSettings } from "./testing/native.js";

/** Functions are exact to some units in the last place, sums of up to 70,000 terms to a few more. */
const TOLERANCE = 4e-6;

interface Result {
  readonly dtype: string;
  readonly shape: number[];
  readonly values: ArrayLike<number>;
}

/** The results, or the message where the backend refuses. */
type Outcome = readonly Result[] | { readonly error: string };

const wanted = new Map<string, Outcome>();

beforeAll(async () => {
  await tf.setBackend("cpu");
  for (const each of battery) wanted.set(each.name, outcomeOf(each));
});

it("has at least 2,000 different cases", () => {
  expect(new Set(battery.map(({ name }) => name)).size).toBe(battery.length);
  expect(battery.length).toBeGreaterThanOrEqual(2000);
});

describeSettings(() => {
  const before = { tensors: 0 };
  beforeAll(() => void (before.tensors = tf.memory().numTensors));
  afterAll(() => expect(tf.memory().numTensors).toBe(before.tensors));

  it.each(battery.map((each) => [each.name, each] as const))("%s", (name, each) => {
    const want = wanted.get(name)!;
    const got = outcomeOf(each);
    if ("error" in want) return expect(got).toEqual(want);
    expect("error" in got ? got.error : undefined).toBeUndefined();
    const results = got as readonly Result[];
    expect(results.map(({ dtype, shape }) => [dtype, shape])).toEqual(want.map(({ dtype, shape }) => [dtype, shape]));
    results.forEach(({ values }, i) => expect(values).toBeCloseToArray(want[i]!.values, each.tolerance ?? TOLERANCE));
  });
});

function outcomeOf({ run }: BatteryCase): Outcome {
  try {
    return tf.tidy(() => {
      const out = run();
      return (Array.isArray(out) ? out : [out]).map((t) => ({ dtype: t.dtype, shape: t.shape, values: Array.from(t.dataSync()) })) as never;
    });
  } catch (error) {
    return { error: (error as Error).message };
  }
}

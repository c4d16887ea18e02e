import { allCases, type HostArray, type HostInputs, type OpCase } from "@moekit/core/cases";
import "@moekit/testing";
import { toTensor } from "@moekit/testing";
import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nativeInfo, registerNativeBackend, setNativePrecision } from "./index.js";
import { numbers } from "./testing/battery-case.js";
import { describeSettings, whyNoKernels } from "./testing/native.js";

/** Ops that are one product: exact on rounded inputs, up to float32 sums. */
const PRODUCTS = ["MoekitLinear", "MoekitGroupedMatmul", "MoekitGroupedMatmulInput", "MoekitGroupedMatmulWeight"];
/** Ops that round what lies between their products too: off by up to half a unit of bfloat16 (2^-9) per rounding, several times. */
const CHAINS = ["MoekitExpertMlp", "MoekitSegmentedLora", "MoekitAttention"];

const casesOf = (names: readonly string[]) => allCases.filter(({ op }) => names.includes(op.spec.name)).map((each) => [each.name, each] as const);

/** m, n, k: few rows, odd depths, past tiles and blocks in each direction. */
const SIZES: readonly [number, number, number][] = [[1, 40, 33], [3, 5, 64], [7, 1, 9], [13, 31, 257], [30, 65, 1], [97, 70, 1029], [8, 33, 2], [600, 20, 31], [1060, 34, 40], [5, 3, 0]];
const FLAGS: readonly [boolean, boolean][] = [[false, false], [false, true], [true, false], [true, true]];

describeSettings(() => {
  beforeAll(() => setNativePrecision("bf16"));
  afterAll(() => setNativePrecision("f32"));

  it.each(SIZES.flatMap((sizes) => FLAGS.map((flags) => [...sizes, ...flags] as const)))("matMul %d x %d over %d, transposed %s %s", (m, n, k, tA, tB) => {
    const [a, b] = [numbers(tA ? [k, m] : [m, k], 1), numbers(tB ? [n, k] : [k, n], 2)];
    const [aRounded, bRounded] = [rounded(a.dataSync()), rounded(b.dataSync())];
    const want = Float64Array.from({ length: m * n }, (_, at) => {
      const [i, j] = [Math.floor(at / n), at % n];
      let sum = 0;
      for (let p = 0; p < k; p++) sum += aRounded[tA ? p * m + i : i * k + p]! * bRounded[tB ? j * k + p : p * n + j]!;
      return sum;
    });
    const c = tf.matMul(a, b, tA, tB);
    // Half a unit in the last place of the sizes that are added up, twice.
    expect(c.dataSync()).toBeCloseToArray(want, 1e-7 * (100 + 2.25 * k));
    tf.dispose([a, b, c]);
  });

  it.each(casesOf(PRODUCTS))("%s", (_, opCase) => {
    const host = opCase.inputs();
    expectOutputs(opCase, host, opCase.reference(roundedInputs(host), opCase.attrs ?? {}), opCase.tolerance ?? 1e-5);
  });

  it.each(casesOf(CHAINS))("%s", (_, opCase) => {
    const host = opCase.inputs();
    expectOutputs(opCase, host, opCase.reference(roundedInputs(host), opCase.attrs ?? {}), 2e-2);
  });

  it("the gradients of expertMlp are those of float32 to the digits of bfloat16, and not to more", () => {
    const opCase = allCases.find(({ name }) => name.startsWith("expertMlp: SwiGLU with biases"))!;
    const gradients = (precision: "f32" | "bf16") => {
      setNativePrecision(precision);
      const inputs = upload(opCase.inputs());
      const names = opCase.differentiable!;
      const loss = (...given: tf.Tensor[]) => tf.sum(tf.square(opCase.op.run({ ...inputs, ...Object.fromEntries(names.map((name, i) => [name, given[i]!])) } as never, opCase.attrs as never)[0]!)) as tf.Scalar;
      const all = tf.tidy(() => tf.grads(loss)(names.map((name) => inputs[name]!)).map((gradient) => Float64Array.from(gradient.dataSync())) as never) as unknown as Float64Array[];
      tf.dispose(inputs);
      return all;
    };
    const [full, half] = [gradients("f32"), gradients("bf16")];
    full.forEach((gradient, i) => {
      const error = norm(gradient.map((value, at) => value - half[i]![at]!)) / norm(gradient);
      expect(error).toBeLessThan(2e-2);
      expect(error).toBeGreaterThan(1e-5);
    });
  });

  it("NaN and infinity pass through, rounding is to even, and other ops stay float32", () => {
    const product = (x: number, w: number) => tf.tidy(() => tf.matMul(tf.fill([9, 3], x), tf.fill([3, 40], w)).dataSync()[41]!);
    expect(product(Number.NaN, 1)).toBeNaN();
    expect(product(Infinity, 2)).toBe(Infinity);
    // 1 + 2^-8 lies halfway between 1 and 1 + 2^-7 and goes to the even one; 1 + 3 x 2^-8 goes up.
    expect(product(1 + 2 ** -8, 1)).toBe(3);
    expect(product(1 + 3 * 2 ** -8, 1)).toBe(3 * (1 + 2 ** -6));
    expect(tf.tidy(() => tf.add(1 + 2 ** -20, 0).dataSync()[0])).toBe(1 + 2 ** -20);
  });
});

describe.skipIf(whyNoKernels)("the choice of a precision", () => {
  it("is an option of registration, told by nativeInfo, and refused where there is none of that name", () => {
    expect(registerNativeBackend({ precision: "bf16" }).precision).toBe("bf16");
    expect(registerNativeBackend().precision).toBe("bf16");
    setNativePrecision("f32");
    expect(nativeInfo().precision).toBe("f32");
    expect(() => setNativePrecision("f8" as "bf16")).toThrow(/setNativePrecision.*f8.*bf16.*f32/s);
  });
});

function expectOutputs(opCase: OpCase, host: HostInputs, wanted: HostArray[], tolerance: number): void {
  const inputs = upload(host);
  const outputs = opCase.op.run(inputs as never, (opCase.attrs ?? {}) as never);
  outputs.forEach((output, i) => expect(output.dataSync()).toBeCloseToArray(wanted[i]!.data, tolerance));
  tf.dispose([inputs as never, outputs]);
}

const upload = (host: HostInputs): Record<string, tf.Tensor> => Object.fromEntries(Object.entries(host).map(([name, array]) => [name, toTensor(array)]));

/** Biases are added, not multiplied, and so not rounded. */
const roundedInputs = (host: HostInputs): HostInputs =>
  Object.fromEntries(Object.entries(host).map(([name, array]) => [name, array.dtype === "int32" || /bias/i.test(name) ? array : { ...array, data: rounded(array.data) }]));

/** To the nearest bfloat16, ties to even. */
function rounded(values: ArrayLike<number>): Float64Array {
  const bits = new Int32Array(Float32Array.from(values).buffer);
  const up = bits.map((word) => (word + 0x7fff + ((word >> 16) & 1)) & ~0xffff);
  return Float64Array.from(new Float32Array(up.buffer));
}

const norm = (values: Float64Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

import type { TensorInfo } from "@tensorflow/tfjs";
import type { AddonArgument } from "../addon.js";
import { type Host, type KernelAttrs, type KernelInputs, sizeOf, type TfjsKernel, type TfjsKernels } from "../kernel.js";
import { broadcast, type Broadcast } from "./broadcast.js";

/** Functions of one argument in the order of their numbers in `native/elements/elementwise.cc`. */
const UNARY = ["Abs", "Neg", "Exp", "Log", "Sqrt", "Rsqrt", "Square", "Reciprocal", "Relu", "Relu6", "LeakyRelu", "Sigmoid", "Tanh", "Erf", "Step", "ClipByValue"] as const;
const ARITHMETIC = ["Add", "Sub", "Multiply", "Maximum", "Minimum", "SquaredDifference", "RealDiv", "Prelu", "EluGrad"] as const;
/** The last two are of bools only. */
const COMPARISONS = ["Equal", "NotEqual", "Greater", "GreaterEqual", "Less", "LessEqual", "LogicalAnd", "LogicalOr"] as const;

/** Parameters of those that have some. */
const PARAMETERS: Partial<Record<(typeof UNARY)[number], (attrs: KernelAttrs) => [number, number?]>> = {
  LeakyRelu: ({ alpha }) => [alpha as number],
  Step: ({ alpha }) => [alpha as number],
  ClipByValue: ({ clipValueMin, clipValueMax }) => [clipValueMin as number, clipValueMax as number],
};

/** Kernels that treat every element alike. */
export const elementwiseKernels: TfjsKernels = {
  ...Object.fromEntries(UNARY.map((name, number): [string, TfjsKernel] => [name, (host, { x }, attrs) => unary(host, x!, number, PARAMETERS[name]?.(attrs))])),
  ...Object.fromEntries(ARITHMETIC.map((name, number): [string, TfjsKernel] => [name, (host, { a, b, x, alpha, dy, y }) => arithmetic(host, { a: a ?? x ?? dy, b: b ?? alpha ?? y } as KernelInputs, number)])),
  ...Object.fromEntries(COMPARISONS.map((name, number): [string, TfjsKernel] => [name, (host, inputs) => comparison(host, inputs, number)])),

  AddN: ({ backend, native }, inputs) => {
    // Here the inputs are an array.
    const terms = Object.values(inputs);
    if (terms.length > MOST_TERMS || terms.some(({ dtype }) => dtype !== "float32")) return undefined;
    const out = backend.allocate(terms[0]!.shape);
    native.addN!(backend.floats(out), sizeOf(out.shape), ...terms.map((term) => backend.floats(term)));
    return out;
  },

  Select: ({ backend, native }, { condition, t, e }) => {
    const dtype = t!.dtype;
    const size = sizeOf(t!.shape);
    if (dtype !== e!.dtype || (dtype !== "float32" && dtype !== "int32") || sizeOf(condition!.shape) !== size) return undefined;
    const out = backend.allocate(t!.shape, dtype);
    const [yes, no, values] = [t!, e!, out].map((tensor) => (dtype === "int32" ? backend.ints(tensor) : backend.floats(tensor)));
    native.selectElements!(backend.bytes(condition!), yes!, no!, values!, size);
    return out;
  },

  LogicalNot: ({ backend, native }, { x }) => {
    if (x!.dtype !== "bool") return undefined;
    const out = backend.allocate(x!.shape, "bool");
    native.compareBytes!(0, backend.bytes(x!), 0, backend.bytes(out), 1, sizeOf(out.shape), 1, 0);
    return out;
  },

  Cast: ({ backend, native }, { x }, { dtype }) => {
    const size = sizeOf(x!.shape);
    if (dtype === "int32" && x!.dtype === "float32") {
      const y = backend.allocate(x!.shape, "int32");
      native.castToInt!(backend.floats(x!), backend.ints(y), size);
      return y;
    }
    if (dtype === "float32" && (x!.dtype === "int32" || x!.dtype === "bool")) {
      const y = backend.allocate(x!.shape);
      native.castToFloat!(x!.dtype === "bool" ? backend.bytes(x!) : backend.ints(x!), backend.floats(y), size);
      return y;
    }
    if (dtype === "bool" && x!.dtype === "float32") {
      const y = backend.allocate(x!.shape, "bool");
      native.compare!(COMPARISONS.indexOf("NotEqual"), backend.floats(x!), 0, backend.bytes(y), 1, size, 1, 0);
      return y;
    }
    return undefined;
  },

  Fill: (host, _inputs, { shape, value, dtype }) => (typeof value === "number" && (dtype ?? "float32") === "float32" ? filled(host, shape as number[], value) : undefined),
  ZerosLike: (host, { x }) => (x!.dtype === "float32" ? filled(host, x!.shape, 0) : undefined),
  OnesLike: (host, { x }) => (x!.dtype === "float32" ? filled(host, x!.shape, 1) : undefined),
};

/** What fits into one call of the addon. */
const MOST_TERMS = 30;

/** Number of the activation of a fused kernel, null where there is none, undefined where it is not one of `unary`. */
export function activationNumber(activation: string | undefined): number | null | undefined {
  const names: Readonly<Record<string, (typeof UNARY)[number]>> = { relu: "Relu", relu6: "Relu6", sigmoid: "Sigmoid" };
  if (activation === undefined || activation === null || activation === "linear") return null;
  return names[activation] && UNARY.indexOf(names[activation]);
}

function unary({ backend, native }: Host, x: TensorInfo, number: number, [p, q]: [number, number?] = [0]): TensorInfo | undefined {
  if (x.dtype !== "float32") return undefined;
  const y = backend.allocate(x.shape);
  native.unary!(number, backend.floats(x), backend.floats(y), sizeOf(x.shape), p, q ?? 0);
  return y;
}

function arithmetic({ backend, native }: Host, { a, b }: KernelInputs, number: number): TensorInfo | undefined {
  const plan = broadcast(a!, b!);
  if (!plan || a!.dtype !== b!.dtype) return undefined;
  if (a!.dtype === "float32") {
    const out = backend.allocate(plan.shape);
    native.binary!(number, operand(backend.floats(a!)), operand(backend.floats(b!)), backend.floats(out), ...plan.numbers);
    return out;
  }
  // Integers have another division, and no slopes.
  if (a!.dtype !== "int32" || number >= ARITHMETIC.indexOf("RealDiv")) return undefined;
  const out = backend.allocate(plan.shape, "int32");
  native.binaryInt!(number, operand(backend.ints(a!)), operand(backend.ints(b!)), backend.ints(out), ...plan.numbers);
  return out;
}

function comparison({ backend, native }: Host, { a, b }: KernelInputs, number: number): TensorInfo | undefined {
  const plan: Broadcast | undefined = broadcast(a!, b!);
  const logical = number >= COMPARISONS.indexOf("LogicalAnd");
  const fits = a!.dtype === b!.dtype && (a!.dtype === "bool" || (!logical && (a!.dtype === "float32" || a!.dtype === "int32")));
  if (!plan || !fits) return undefined;
  const out = backend.allocate(plan.shape, "bool");
  if (a!.dtype === "float32") native.compare!(number, operand(backend.floats(a!)), operand(backend.floats(b!)), backend.bytes(out), ...plan.numbers);
  else if (a!.dtype === "int32") native.compareInt!(number, operand(backend.ints(a!)), operand(backend.ints(b!)), backend.bytes(out), ...plan.numbers);
  else native.compareBytes!(number, operand(backend.bytes(a!)), operand(backend.bytes(b!)), backend.bytes(out), ...plan.numbers);
  return out;
}

/** A single number goes as one: the small arrays that hold it are slow to pass to C++. */
export const operand = (values: Float32Array | Int32Array | Uint8Array): AddonArgument => (values.length === 1 ? values[0]! : values);

function filled({ backend, native }: Host, shape: number[], value: number): TensorInfo {
  const out = backend.allocate(shape);
  native.fill!(backend.floats(out), sizeOf(shape), value);
  return out;
}

import type { TensorInfo } from "@tensorflow/tfjs";
import { type Host, sizeOf, type TfjsKernel, type TfjsKernels } from "../kernel.js";
import { broadcast } from "./broadcast.js";
import { operand } from "./elementwise.js";

/** In the order of their numbers in `native/elements/functions.cc`. */
const FUNCTIONS = [
  "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh", "Expm1", "Log1p", "Softplus", "Elu", "Selu", "Floor", "Ceil", "Round", "Sign",
];
const CLASSES = ["IsNan", "IsInf", "IsFinite"];

/** Functions that are computed in float64, as JavaScript does. */
export const functionKernels: TfjsKernels = {
  ...Object.fromEntries(FUNCTIONS.map((name, number): [string, TfjsKernel] => [name, (host, { x }) => mapped(host, x!, "function", number, "float32")])),
  ...Object.fromEntries(CLASSES.map((name, number): [string, TfjsKernel] => [name, (host, { x }) => mapped(host, x!, "classify", number, "bool")])),

  Pow: ({ backend, native }, { a, b }) => {
    const plan = broadcast(a!, b!);
    if (!plan || a!.dtype !== "float32" || b!.dtype !== "float32") return undefined;
    const out = backend.allocate(plan.shape);
    native.power!(operand(backend.floats(a!)), operand(backend.floats(b!)), backend.floats(out), ...plan.numbers);
    return out;
  },
};

function mapped({ backend, native }: Host, x: TensorInfo, kernel: "function" | "classify", number: number, dtype: "float32" | "bool"): TensorInfo | undefined {
  if (x.dtype !== "float32") return undefined;
  const y = backend.allocate(x.shape, dtype);
  native[kernel]!(number, backend.floats(x), dtype === "bool" ? backend.bytes(y) : backend.floats(y), sizeOf(x.shape));
  return y;
}

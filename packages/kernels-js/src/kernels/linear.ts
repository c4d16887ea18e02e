import { matrixOf } from "../host-tensors.js";
import type { JsKernels } from "../kernel.js";
import { multiplyByTransposed } from "../math/products.js";
import { addToRows } from "../math/rows.js";

/** `y = x W^T + b` and its gradients; x `[..., I]`, W `[O, I]`. */
export const linearKernels: JsKernels = {
  MoekitLinear: (host, { x, w, bias }) => {
    const y = host.allocate([...x!.shape.slice(0, -1), w!.shape[0]!]);
    multiplyByTransposed(host, matrixOf(x!), matrixOf(w!), matrixOf(y));
    if (bias) addToRows(host.floats(y), host.floats(bias));
    return [y];
  },
};

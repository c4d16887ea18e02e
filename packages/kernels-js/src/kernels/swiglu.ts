import type { JsKernels } from "../kernel.js";
import { sigmoid } from "../math/activation.js";

/** `silu(gate) * up` and its gradients. */
export const swigluKernels: JsKernels = {
  MoekitSwiglu: (host, { gate, up }) => {
    const y = host.allocate(gate!.shape);
    const [g, u, out] = [host.floats(gate!), host.floats(up!), host.floats(y)];
    for (let i = 0; i < out.length; i++) out[i] = g[i]! * sigmoid(g[i]!) * u[i]!;
    return [y];
  },

  MoekitSwigluGrad: (host, { gate, up, dy }) => {
    const [dGate, dUp] = [host.allocate(gate!.shape), host.allocate(gate!.shape)];
    const [g, u, d] = [host.floats(gate!), host.floats(up!), host.floats(dy!)];
    const [outGate, outUp] = [host.floats(dGate), host.floats(dUp)];
    for (let i = 0; i < d.length; i++) {
      const share = sigmoid(g[i]!);
      outGate[i] = d[i]! * u[i]! * share * (1 + g[i]! * (1 - share));
      outUp[i] = d[i]! * g[i]! * share;
    }
    return [dGate, dUp];
  },
};

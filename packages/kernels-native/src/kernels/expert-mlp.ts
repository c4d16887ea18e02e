import type { TensorInfo } from "@tensorflow/tfjs";
import type { AddonArgument } from "../addon.js";
import type { Host, KernelInputs, OpKernels } from "../kernel.js";

/** Numbers of the activations in `native/kernels/activation.h`. */
export const ACTIVATIONS: Readonly<Record<string, number>> = { silu: 0, gelu: 1, relu: 2 };

/** Inputs with a gradient, in the order of the outputs. */
const DIFFERENTIABLE = ["x", "gate", "up", "down", "gateBias", "upBias", "downBias"] as const;

/** The fused expert network and all of its gradients at once. */
export const expertMlpKernels: OpKernels = {
  MoekitExpertMlp: (host, inputs, { activation, keep }) => {
    const { backend, native } = host;
    const [N, F] = [inputs.x!.shape[0]!, inputs.up!.shape[1]!];
    const y = backend.allocate(inputs.x!.shape);
    const before = keep ? backend.allocate([N, inputs.gate ? 2 * F : F]) : undefined;
    native.expertMlp!(...argumentsOf(host, inputs), backend.floats(y), ACTIVATIONS[activation as string]!, before && backend.floats(before));
    return before ? [y, before] : [y];
  },

  MoekitExpertMlpGrad: (host, inputs, { activation }) => {
    const { backend, native } = host;
    const grads: (TensorInfo | undefined)[] = DIFFERENTIABLE.map((name) => inputs[name] && backend.allocate(inputs[name].shape));
    const arrays = grads.map((grad) => grad && backend.floats(grad));
    native.expertMlpGrad!(...argumentsOf(host, inputs), backend.floats(inputs.dy!), ACTIVATIONS[activation as string]!, ...arrays, inputs.before && backend.floats(inputs.before));
    return grads.filter((grad) => grad !== undefined);
  },
};

function argumentsOf({ backend }: Host, inputs: KernelInputs): AddonArgument[] {
  const arrays = DIFFERENTIABLE.map((name) => inputs[name] && backend.floats(inputs[name]));
  const [E, F, D] = inputs.up!.shape as [number, number, number];
  return [...arrays, backend.ints(inputs.offsets!), inputs.x!.shape[0]!, E, D, F];
}

import type { TensorInfo } from "@tensorflow/tfjs";
import type { AddonArgument } from "../addon.js";
import type { Host, KernelAttrs, KernelInputs, OpKernels } from "../kernel.js";

/** Attention and its gradients. q `[B, S, H, d]`, k `[B, L, G, d]`, v `[B, L, G, e]`, sinks `[H]`. */
export const attentionKernels: OpKernels = {
  MoekitAttention: (host, inputs, attrs) => {
    const { backend, native } = host;
    const { q, k, v, sinks } = inputs;
    const y = backend.allocate([...q!.shape.slice(0, 3), v!.shape[3]!]);
    native.attention!(...floatsOf(host, q!, k!, v!, y), ...sizesOf(inputs), ...settingsOf(attrs), sinks && backend.floats(sinks));
    return [y];
  },

  MoekitAttentionGrad: (host, inputs, attrs) => {
    const { backend, native } = host;
    const { q, k, v, dy, sinks } = inputs;
    const grads = [q!, k!, v!].map(({ shape }) => backend.allocate(shape));
    const dSinks = sinks && backend.allocate(sinks.shape);
    native.attentionGrad!(...floatsOf(host, q!, k!, v!, dy!), ...sizesOf(inputs), ...settingsOf(attrs), ...floatsOf(host, ...grads), ...(sinks ? floatsOf(host, sinks, dSinks!) : []));
    return dSinks ? [...grads, dSinks] : grads;
  },
};

const floatsOf = ({ backend }: Host, ...tensors: TensorInfo[]): AddonArgument[] => tensors.map((tensor) => backend.floats(tensor));

/** B, S, L, H, G, d, e. */
function sizesOf({ q, k, v }: KernelInputs): number[] {
  const [B, S, H, d] = q!.shape as [number, number, number, number];
  return [B, S, k!.shape[1]!, H, k!.shape[2]!, d, v!.shape[3]!];
}

const settingsOf = ({ causal, scale, window }: KernelAttrs): AddonArgument[] => [causal === true, scale as number, (window as number | undefined) ?? 0];

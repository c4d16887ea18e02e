import type { PackedFormat, PackedMatrix } from "@moekit/core";
import { UnsupportedOpError } from "@moekit/core";
import type { TensorInfo } from "@tensorflow/tfjs";
import type { AddonArgument } from "../addon.js";
import type { Host, KernelAttrs, KernelInputs, OpKernels } from "../kernel.js";
import { lastOf, rowsOf } from "../kernel.js";
import { ACTIVATIONS } from "./expert-mlp.js";

/** Formats in the order of `withFormat` in `native/kernels/packed.cc`. */
const FORMATS: readonly string[] = ["bf16", "f16", "f8_e4m3", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q4_K", "q5_K", "q6_K", "mxfp4", "q2_K", "q3_K", "iq4_nl", "iq4_xs"];

/** Inputs of the packed experts with a gradient, in the order of the outputs. */
const DIFFERENTIABLE = ["x", "gateBias", "upBias", "downBias"] as const;

/** Products with packed weights: computed on the packed blocks, in float32. */
export const packedKernels: OpKernels = {
  MoekitPackedMatmul: ({ backend, native }, { x }, attrs) => {
    const { packed } = attrs as { packed: PackedMatrix };
    const [O, I] = packed.shape;
    const y = backend.allocate([...x!.shape.slice(0, -1), O]);
    native.packedMatmul!(backend.floats(x!), packed.bytes, backend.floats(y), rowsOf(x!), O, I, formatOf(packed));
    return [y];
  },

  MoekitPackedMatmulInput: ({ backend, native }, { dy }, attrs) => {
    const { packed } = attrs as { packed: PackedMatrix };
    const [O, I] = packed.shape;
    const dx = backend.allocate([rowsOf(dy!), I]);
    native.packedMatmulInput!(backend.floats(dy!), packed.bytes, backend.floats(dx), rowsOf(dy!), O, I, formatOf(packed));
    return [dx];
  },

  MoekitPackedGatherRows: ({ backend, native }, { ids }, attrs) => {
    const { packed } = attrs as { packed: PackedMatrix };
    const [R, width] = packed.shape;
    const y = backend.allocate([lastOf(ids!), width]);
    native.packedGatherRows!(packed.bytes, backend.ints(ids!), backend.floats(y), lastOf(ids!), R, width, formatOf(packed));
    return [y];
  },

  MoekitPackedExpertMlp: (host, inputs, attrs) => {
    const y = host.backend.allocate(inputs.x!.shape);
    host.native.packedExpertMlp!(...argumentsOf(host, inputs, attrs), host.backend.floats(y), ACTIVATIONS[attrs.activation as string]!);
    return [y];
  },

  MoekitPackedExpertMlpGrad: (host, inputs, attrs) => {
    const { backend, native } = host;
    const grads: (TensorInfo | undefined)[] = DIFFERENTIABLE.map((name) => inputs[name] && backend.allocate(inputs[name].shape));
    const arrays = grads.map((grad) => grad && backend.floats(grad));
    native.packedExpertMlpGrad!(...argumentsOf(host, inputs, attrs), backend.floats(inputs.dy!), ACTIVATIONS[attrs.activation as string]!, ...arrays);
    return grads.filter((grad) => grad !== undefined);
  },
};

function argumentsOf({ backend }: Host, inputs: KernelInputs, attrs: KernelAttrs): AddonArgument[] {
  const { gate, up, down } = attrs as { gate?: PackedMatrix; up: PackedMatrix; down: PackedMatrix };
  const [x, ...biases] = DIFFERENTIABLE.map((name) => inputs[name] && backend.floats(inputs[name]));
  const E = inputs.offsets!.shape[0]! - 1;
  const D = up.shape[1];
  const sizes = [inputs.x!.shape[0]!, E, D, down.shape[1]];
  return [x, gate?.bytes, up.bytes, down.bytes, ...biases, backend.ints(inputs.offsets!), ...sizes, formatOf(gate ?? up), formatOf(up), formatOf(down)];
}

const formatOf = ({ format }: PackedMatrix): number => formatNumber(format);

/** Of a format in the order of {@link FORMATS}. @throws UnsupportedOpError if it is none of them. */
export function formatNumber(format: PackedFormat): number {
  const number = FORMATS.indexOf(format.name);
  if (number < 0) throw new UnsupportedOpError(`moekit-native: packed weights must be in one of ${FORMATS.join(", ")}; got ${format.name}. Pack them anew, or use the cpu backend.`);
  return number;
}

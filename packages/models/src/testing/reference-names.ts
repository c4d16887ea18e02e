/** Gradients under the names of transformers 5, which keeps the experts of a layer in fused tensors. */
import * as tf from "@tensorflow/tfjs";
import { parameterPlaces } from "../layout/parameter-places.js";
import { scatter } from "../layout/strided.js";
import type { MoeTransformer } from "../moe-transformer.js";
import { elements, type HostTensor } from "../safetensors/host-tensor.js";

/** Names in files and what transformers calls the same tensors in memory, tried in turn. */
const RENAMES: readonly (readonly [RegExp, string])[] = [
  [/block_sparse_moe\.input_linear\.weight/, "block_sparse_moe.experts.gate_up_proj"],
  [/block_sparse_moe\.output_linear\.weight/, "block_sparse_moe.experts.down_proj"],
  [/block_sparse_moe\.router\.layer/, "block_sparse_moe.router"],
  [/block_sparse_moe\.gate/, "mlp.router"],
  [/block_sparse_moe/, "mlp"],
];

/** @param wanted - The names that the reference has. */
export function underReferenceNames(model: MoeTransformer, grads: tf.NamedTensorMap, wanted: readonly string[]): Record<string, HostTensor> {
  const named: Record<string, HostTensor> = {};
  const put = (name: string, tensor: HostTensor) => (named[inMemoryName(name, wanted)] = tensor);
  const places = parameterPlaces(model.config, Object.fromEntries(Object.entries(grads).map(([path, { shape }]) => [path, shape])));
  const fused = new Map<string, Float32Array>();
  for (const [path, { names, ...place }] of places) {
    if (isPerExpert(names)) continue;
    const values = fused.get(names[0]!) ?? new Float32Array(elements(place.fileShape));
    scatter(grads[path]!.dataSync() as Float32Array, place, grads[path]!.shape, values);
    fused.set(names[0]!, values);
    put(names[0]!, { shape: place.fileShape, data: values });
  }
  for (const [path, { names }] of places) if (isPerExpert(names)) fuseExperts(path, names[0]!, grads, put);
  return named;
}

const isPerExpert = ([first]: readonly string[]): boolean => first!.includes(".experts.0.");

/** Experts that have a tensor each in files lie in `gate_up_proj` and `down_proj`. */
function fuseExperts(path: string, name: string, grads: tf.NamedTensorMap, put: (name: string, tensor: HostTensor) => void): void {
  const bank = path.replace(/\w+$/, "");
  const experts = name.replace(/\.experts\.0\..+$/, ".experts");
  const fuse = (part: string, tensor: tf.Tensor) => put(`${experts}.${part}`, { shape: tensor.shape, data: tensor.dataSync() as Float32Array });
  if (path.endsWith(".down")) fuse("down_proj", grads[path]!);
  if (path.endsWith(".gate")) fuse("gate_up_proj", tf.concat([grads[path]!, grads[`${bank}up`]!], 1));
}

function inMemoryName(name: string, wanted: readonly string[]): string {
  const renamed = RENAMES.map(([pattern, to]) => name.replace(pattern, to)).find((other) => wanted.includes(other));
  return wanted.includes(name) ? name : (renamed ?? name);
}

import * as tf from "@tensorflow/tfjs";
import { parameters } from "@moekit/core";
import { parameterPlaces } from "../layout/parameter-places.js";
import type { Place } from "../layout/place.js";
import { isWhole, scatter } from "../layout/strided.js";
import type { MoeTransformer } from "../moe-transformer.js";
import { elements, type LazyTensor } from "../safetensors/host-tensor.js";
import { saveTensors, type SaveOptions } from "./save-tensors.js";

/**
 * Saves a model as a Hugging Face folder that transformers loads: `config.json` and `model.safetensors`, or shards with
 * their index. Other files in the folder stay.
 *
 * All bytes are on disk under temporary names before the first file of an older checkpoint is replaced, and the file by
 * which the weights are found comes last: a crash leaves the old checkpoint, the new one, or a folder that does not load.
 *
 * @throws CheckpointError if a value does not fit `dtype`.
 * @example await saveModel(model, "my-model", { dtype: "BF16" });
 */
export async function saveModel(model: MoeTransformer, folder: string, options: SaveOptions = {}): Promise<void> {
  await saveTensors({ config: model.config.source, tensors: fileTensors(model) }, folder, options);
}

/** All tensors under their file names; the values of each are fetched when it is written. */
function fileTensors(model: MoeTransformer): Record<string, LazyTensor> {
  const variables = parameters(model);
  const places = parameterPlaces(model.config, Object.fromEntries(Object.entries(variables).map(([path, { shape }]) => [path, shape])));
  const views = new Map<string, View[]>();
  for (const [path, place] of places) {
    const perRow = place.names.length > 1;
    place.names.forEach((name, index) => views.set(name, [...(views.get(name) ?? []), { variable: variables[path]!, place, row: perRow ? index : undefined }]));
  }
  return Object.fromEntries([...views].map(([name, parts]) => [name, lazyTensor(parts)]));
}

/** A parameter, or one row of it, that lies in a tensor of the file. */
interface View {
  readonly variable: tf.Variable;
  readonly place: Place;
  readonly row?: number;
}

function lazyTensor(views: readonly View[]): LazyTensor {
  const shape = views[0]!.place.fileShape;
  const load = async () => {
    const [first] = views as [View];
    if (views.length === 1 && isWhole(first.place, shapeOf(first))) return valuesOf(first);
    const values = new Float32Array(elements(shape));
    for (const view of views) scatter(await valuesOf(view), view.place, shapeOf(view), values);
    return values;
  };
  return { shape, dtype: "float32", load };
}

const shapeOf = ({ variable, row }: View): readonly number[] => (row === undefined ? variable.shape : variable.shape.slice(1));

async function valuesOf({ variable, row }: View): Promise<Float32Array> {
  if (row === undefined) return (await variable.data()) as Float32Array;
  const [, ...rest] = variable.shape;
  const slice = tf.slice(variable, [row, ...rest.map(() => 0)], [1, ...rest]);
  const values = (await slice.data()) as Float32Array;
  slice.dispose();
  return values;
}

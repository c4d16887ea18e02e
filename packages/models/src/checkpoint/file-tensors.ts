import * as tf from "@tensorflow/tfjs";
import { parameters, unpackRows } from "@moekit/core";
import { PackedWeight, packedWeights } from "../blocks/packed-weight.js";
import type { Place } from "../layout/place.js";
import { isWhole, scatter } from "../layout/strided.js";
import { elements, type LazyTensor } from "../safetensors/host-tensor.js";
import type { Shapes } from "./fill-parameters.js";

/** All tensors of a model under their file names; the values of each are fetched when it is written. */
export function fileTensors(model: object, placesOf: (shapes: Shapes) => ReadonlyMap<string, Place>): Record<string, LazyTensor> {
  const weights: Record<string, tf.Variable | PackedWeight> = { ...parameters(model), ...packedWeights(model) };
  const places = placesOf(Object.fromEntries(Object.entries(weights).map(([path, { shape }]) => [path, shape])));
  const views = new Map<string, View[]>();
  for (const [path, place] of places) {
    const perRow = place.names.length > 1;
    place.names.forEach((name, index) => views.set(name, [...(views.get(name) ?? []), { weight: weights[path]!, place, row: perRow ? index : undefined }]));
  }
  return Object.fromEntries([...views].map(([name, parts]) => [name, lazyTensor(parts)]));
}

/** A parameter, or one row of it, that lies in a tensor of the file. */
interface View {
  readonly weight: tf.Variable | PackedWeight;
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

const shapeOf = ({ weight, row }: View): readonly number[] => (row === undefined ? weight.shape : weight.shape.slice(1));

async function valuesOf({ weight, row }: View): Promise<Float32Array> {
  if (weight instanceof PackedWeight) return unpackRows(row === undefined ? weight.matrix : weight.part(row));
  if (row === undefined) return (await weight.data()) as Float32Array;
  const [, ...rest] = weight.shape;
  const slice = tf.slice(weight, [row, ...rest.map(() => 0)], [1, ...rest]);
  const values = (await slice.data()) as Float32Array;
  slice.dispose();
  return values;
}

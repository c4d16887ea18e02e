import * as tf from "@tensorflow/tfjs";
import { CheckpointError, disposeParameters, parameters, type PackedFormat } from "@moekit/core";
import { packedWeights } from "../blocks/packed-weight.js";
import { expertCaches } from "../blocks/expert-cache.js";
import type { Place } from "../layout/place.js";
import { gather, isWhole } from "../layout/strided.js";
import { fillPacked } from "./fill-packed.js";
import { storedBank } from "./stored-bank.js";
import { elements } from "../safetensors/host-tensor.js";
import type { TensorReader } from "../safetensors/safetensors-file.js";

/** Shapes of all parameters of a model, by path. */
export type Shapes = Readonly<Record<string, readonly number[]>>;

/** What {@link fillParameters} needs to know to complain, and what it need not complain about. */
interface Fit {
  readonly in: string;
  readonly folder: string;
  /** True for tensors of the file that no parameter wants. */
  readonly unused: (name: string) => boolean;
  /** Of packed weights. Left out: as they are stored. */
  readonly format?: PackedFormat;
}

/**
 * Reads all parameters of a model from where they lie in a file.
 * @throws CheckpointError naming what is missing, unexpected or of another shape; the model is disposed of then.
 */
export async function fillParameters(model: object, placesOf: (shapes: Shapes) => ReadonlyMap<string, Place>, reader: TensorReader, fit: Fit): Promise<void> {
  try {
    const [variables, packed] = [parameters(model), packedWeights(model)];
    const places = placesOf(Object.fromEntries(Object.entries({ ...variables, ...packed }).map(([path, { shape }]) => [path, shape])));
    checkFit(places, reader, fit);
    const source = new ReadOnce(reader);
    const inFile = new Set(expertCaches(model).flatMap(({ weights }) => weights));
    for (const [path, place] of places) {
      const weight = packed[path];
      if (weight && inFile.has(weight)) weight.stored = storedBank(weight.shape as [number, number, number], place, reader, fit.format);
      else if (weight) await fillPacked(weight, place, reader, (name, view, shape) => source.view(name, view, shape), fit.format);
      else await fill(variables[path]!, place, source);
    }
  } catch (error) {
    disposeParameters(model);
    throw error;
  }
}

function checkFit(places: ReadonlyMap<string, Place>, reader: TensorReader, { in: where, folder, unused }: Fit): void {
  const wanted = new Map([...places.values()].flatMap(({ names, fileShape }) => names.map((name) => [name, fileShape.join()] as const)));
  // A tensor without numbers may be left out.
  const missing = [...wanted].filter(([name, shape]) => !reader.tensors.has(name) && !shape.split(",").includes("0")).map(([name]) => name);
  const unexpected = [...reader.tensors.keys()].filter((name) => !wanted.has(name) && !unused(name));
  const misfits = [...wanted].filter(([name, shape]) => reader.tensors.has(name) && reader.tensors.get(name)!.shape.join() !== shape);
  const shapes = misfits.map(([name, shape]) => `${name} must be [${shape}], is [${reader.tensors.get(name)!.shape}]`);
  const problems = [list("Missing", missing), list("Unexpected", unexpected), list("Wrong shape", shapes)].filter((text) => text);
  if (problems.length > 0) throw new CheckpointError(`${where}: ${folder} does not fit its config.json. ${problems.join(" ")}`);
}

function list(title: string, items: readonly string[]): string {
  if (items.length === 0) return "";
  return `${title}: ${items.slice(0, 8).join("; ")}${items.length > 8 ? `; and ${items.length - 8} more` : ""}.`;
}

/** Reads what lies at a place, tensor by tensor, and hands it to the variable. */
async function fill(variable: tf.Variable, place: Place, source: ReadOnce): Promise<void> {
  if (variable.size === 0) return;
  const values = new Float32Array(variable.size);
  const shape = place.names.length === 1 ? variable.shape : variable.shape.slice(1);
  const size = values.length / place.names.length;
  for (const [index, name] of place.names.entries()) {
    await source.view(name, place, shape, values.subarray(index * size, (index + 1) * size));
  }
  tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
}

/** Keeps the last tensor that several parameters share, as gate and up projections do that lie in one. */
class ReadOnce {
  private name?: string;
  private values = new Float32Array(0);

  constructor(private readonly reader: TensorReader) {}

  /** The values of a view of one tensor. */
  async view(name: string, place: Place, shape: readonly number[], target = new Float32Array(elements(shape))): Promise<Float32Array> {
    if (isWhole(place, shape)) await this.reader.readInto(name, target);
    else gather(await this.read(name), place, shape, target);
    checkFinite(name, target);
    return target;
  }

  private async read(name: string): Promise<Float32Array> {
    if (this.name !== name) this.values = new Float32Array(elements(this.reader.tensors.get(name)!.shape));
    if (this.name !== name) await this.reader.readInto(name, this.values);
    this.name = name;
    return this.values;
  }
}

/** A model with such a number computes nothing but NaN, and would say so only much later. */
function checkFinite(name: string, values: Float32Array): void {
  // The sum is NaN or infinite if a value is; where it only overflows, the values are looked at one by one.
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  if (Number.isFinite(sum)) return;
  const wrong = values.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) throw new CheckpointError(`loadModel: "${name}" has ${values[wrong]} at element ${wrong}; weights must be finite. The file is damaged, or its training diverged.`);
}

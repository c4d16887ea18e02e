/** Every core op with a benchmark case: forward, and forward with backward, after a check against its float64 reference. */
import * as tf from "@tensorflow/tfjs";
import { allCases, type HostArray, type HostInputs, type OpCase } from "@moekit/core/cases";
import { type Measured, onBackends, type Options, type Outcome, type Result, time } from "./lib/benchmark.ts";

type Tensors = Record<string, tf.Tensor>;

export async function run(options: Options, report: (result: Result) => void): Promise<Outcome> {
  const cases = allCases.filter(({ bench, name }) => bench && name.includes(options.only ?? ""));
  const measure = async () => {
    const measured: Measured[] = [];
    for (const opCase of cases) measured.push(...(await measureCase(opCase, options.runs)));
    return measured;
  };
  return onBackends(options, measure, report);
}

async function measureCase(opCase: OpCase, runs: number): Promise<Measured[]> {
  const host = opCase.inputs();
  const tensors = upload(host);
  try {
    const error = checkOutputs(opCase, host, tensors);
    const forward = await timeTensors(runs, () => forwardOf(opCase, tensors));
    const results: Measured[] = [{ name: opCase.name, ...forward, facts: { gflops: rate(opCase.bench!.flops, forward.ms), error } }];
    const names = gradientInputs(opCase);
    if (names.length === 0) return results;
    const gradientError = checkGradients(opCase, host, tensors, names);
    const both = await timeTensors(runs, () => gradients(opCase, tensors, names));
    return [...results, { name: `${opCase.name}, with backward`, ...both, facts: { gflops: rate(3 * opCase.bench!.flops, both.ms), error: gradientError } }];
  } finally {
    tf.dispose(tensors);
  }
}

/** Nominal arithmetic, backward counted as twice the forward pass, per second. */
const rate = (flops: number, ms: number) => Number((flops / ms / 1e6).toPrecision(4));

/** Times calls that make tensors: each call's are freed, the last ones read to know that all is done. */
async function timeTensors(runs: number, make: () => tf.Tensor[]) {
  let last: tf.Tensor[] = [];
  const call = () => {
    tf.dispose(last);
    last = make();
  };
  const timing = await time(runs, call, () => last.at(-1)!.data());
  tf.dispose(last);
  return timing;
}

function forwardOf(opCase: OpCase, tensors: Tensors): tf.Tensor[] {
  return opCase.op.run(tensors as never, { ...opCase.attrs } as never);
}

/** The inputs that any case of this op checks gradients of, as far as this case has them. */
function gradientInputs(opCase: OpCase): string[] {
  const names = allCases.filter(({ op }) => op === opCase.op).flatMap(({ differentiable }) => differentiable ?? []);
  return [...new Set(names)].filter((name) => name in opCase.inputs());
}

function gradients(opCase: OpCase, tensors: Tensors, names: string[]): tf.Tensor[] {
  return tf.tidy(() => {
    const loss = (...given: tf.Tensor[]) => {
      const outputs = forwardOf(opCase, { ...tensors, ...Object.fromEntries(names.map((name, i) => [name, given[i]!])) });
      return tf.addN(outputs.filter(isFloat).map((output, k) => tf.sum(tf.mul(output, weightTensor(output, k)))));
    };
    return tf.grads(loss)(names.map((name) => tensors[name]!));
  });
}

/** @returns Largest |got - want| / (1 + |want|). */
function checkOutputs(opCase: OpCase, host: HostInputs, tensors: Tensors): number {
  const wanted = opCase.reference(host, opCase.attrs ?? {});
  const outputs = forwardOf(opCase, tensors);
  const errors = outputs.map((output, k) => distance(output.dataSync(), wanted[k]!.data));
  tf.dispose(outputs);
  return accept(opCase.name, Math.max(...errors), opCase.tolerance ?? 1e-5);
}

/** Along one uneven direction the gradient must give the slope of the reference: two evaluations check all inputs at once. */
function checkGradients(opCase: OpCase, host: HostInputs, tensors: Tensors, names: string[]): number {
  const step = 1e-5;
  const direction = (name: string, i: number) => Math.sin(1.3 * i + name.length);
  const moved = (sign: number): HostInputs => ({ ...host, ...Object.fromEntries(names.map((name) => [name, { ...host[name]!, data: host[name]!.data.map((x, i) => x + sign * step * direction(name, i)) }])) });
  const slope = (lossOf(opCase, moved(1)) - lossOf(opCase, moved(-1))) / (2 * step);
  const found = gradients(opCase, tensors, names);
  const values = found.map((gradient) => Float64Array.from(gradient.dataSync()));
  const along = values.reduce((sum, gradient, k) => sum + gradient.reduce((part, g, i) => part + g * direction(names[k]!, i), 0), 0);
  const squares = values.reduce((sum, gradient) => sum + gradient.reduce((part, g) => part + g * g, 0), 0);
  tf.dispose(found);
  return accept(`gradient of ${opCase.name}`, Math.abs(along - slope) / (1 + Math.sqrt(squares) + Math.abs(slope)), 1e-3);
}

function lossOf(opCase: OpCase, inputs: HostInputs): number {
  const outputs = opCase.reference(inputs, opCase.attrs ?? {}).filter(({ dtype }) => dtype === "float32");
  return outputs.reduce((sum, { data }, k) => sum + data.reduce((part, value, i) => part + value * weight(i, k), 0), 0);
}

function accept(what: string, error: number, limit: number): number {
  if (!(error <= limit)) throw new Error(`bench: ${what} is wrong: error ${error} exceeds ${limit}; nothing is timed.`);
  return Number(error.toPrecision(2));
}

const distance = (got: ArrayLike<number>, want: Float64Array) => want.reduce((worst, value, i) => (got[i] === value ? worst : Math.max(worst, Math.abs(got[i]! - value) / (1 + Math.abs(value)))), 0);
const weight = (i: number, k: number) => Math.fround(Math.cos(1.7 * i + k));
const isFloat = (tensor: tf.Tensor) => tensor.dtype === "float32";

const weightTensors = new Map<string, tf.Tensor>();

/** Made once per shape and backend, so that making it is not timed. */
function weightTensor(output: tf.Tensor, k: number): tf.Tensor {
  const key = `${tf.getBackend()} ${k} ${output.shape}`;
  const made = weightTensors.get(key) ?? tf.keep(tf.tensor(Float32Array.from({ length: output.size }, (_, i) => weight(i, k)), output.shape));
  weightTensors.set(key, made);
  return made;
}

const upload = (host: HostInputs): Tensors => Object.fromEntries(Object.entries(host).map(([name, array]) => [name, uploadOne(array)]));
const uploadOne = ({ data, shape, dtype }: HostArray) => tf.tensor(dtype === "int32" ? Int32Array.from(data) : Float32Array.from(data), [...shape], dtype);

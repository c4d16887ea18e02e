import * as tf from "@tensorflow/tfjs";

/**
 * Named tensors: the inputs of an op. Inputs that are undefined are left out when the op runs.
 * @example const inputs: TensorMap = { x: tf.scalar(3), bias: undefined };
 */
export type TensorMap = Record<string, tf.Tensor | undefined>;
/**
 * Plain values that steer an op and carry no gradient.
 * @example const attrs: Attrs = { activation: "silu" };
 */
export type Attrs = Record<string, unknown>;

/**
 * What a gradient function gets: the inputs and all outputs of the forward pass.
 * @example const squareGradient = ([dy]: readonly tf.Tensor[], { inputs: { x } }: Saved<{ x: tf.Tensor }>) => ({ x: () => tf.mul(dy!, tf.mul(x, 2)) });
 */
export interface Saved<I extends TensorMap> {
  readonly inputs: I;
  readonly outputs: readonly tf.Tensor[];
}

/**
 * An op: its name, a reference in plain TensorFlow.js that runs on every backend, and a written-out gradient.
 * @example const spec: OpSpec<{ x: tf.Tensor }, Attrs> = { name: "MySquare", reference: ({ x }) => tf.mul(x, x) };
 */
export interface OpSpec<I extends TensorMap, A extends Attrs> {
  /** Kernel name, e.g. `MoekitCombine`; backends register faster kernels under it. */
  readonly name: string;
  /** The mathematics in plain tfjs. Runs inside `tf.tidy` with the tape off. */
  readonly reference: (inputs: I, attrs: A) => tf.Tensor | tf.Tensor[];
  /**
   * Gradients by input name, as thunks: only those of inputs that lead to a variable are called. `dys` has one entry per
   * output (zeros where nothing flowed). Inputs left out get zeros, which is right for ids, offsets and other int32 inputs.
   * Must be written out: `tf.grads` inside a gradient breaks the outer tape.
   */
  readonly gradient?: (dys: readonly tf.Tensor[], saved: Saved<I>, attrs: A) => Gradients<I>;
}

/**
 * Gradient thunks by input name.
 * @example const none: Gradients<{ ids: tf.Tensor }> = {}; // int32 inputs have no gradient
 */
export type Gradients<I extends TensorMap> = { [K in keyof I]?: () => tf.Tensor };

/**
 * A defined op: call {@link Op.run}; `spec` feeds tests, benchmarks and the generated op table.
 * @example const square: Op<{ x: tf.Tensor }, Attrs> = defineOp({ name: "MySquare", reference: ({ x }) => tf.mul(x, x) });
 */
export interface Op<I extends TensorMap, A extends Attrs> {
  readonly spec: OpSpec<I, A>;
  /** Runs the kernel of the active backend, or the reference where it has none. Returns the op's outputs in order. */
  readonly run: (inputs: I, attrs: A) => tf.Tensor[];
}

/**
 * Defines an op once for all backends.
 *
 * A call runs the active backend's kernel of that name if one is registered, else the reference; the gradient is
 * registered once. References run with the tape off, so an op counts as one step of the backward pass.
 *
 * @example
 * const square = defineOp({
 *   name: "MySquare",
 *   reference: ({ x }: { x: tf.Tensor }) => tf.mul(x, x),
 *   gradient: ([dy], { inputs: { x } }) => ({ x: tf.mul(dy!, tf.mul(x, 2)) }),
 * });
 * const [y] = square.run({ x: tf.scalar(3) }, {});
 */
export function defineOp<I extends TensorMap, A extends Attrs = Attrs>(spec: OpSpec<I, A>): Op<I, A> {
  const gradient = sharedGradient(spec);
  return {
    spec,
    run(inputs, attrs) {
      useReferenceWhereNoKernel(spec);
      const present = withoutMissing(inputs);
      const inputNames = Object.keys(present);
      // tfjs saves the inputs listed here when it runs the kernel, and optional inputs differ from call to call.
      gradient.inputsToSave = inputNames;
      const out = tf.engine().runKernel(spec.name, present, { ...attrs, inputNames } as unknown as tf.NamedAttrMap);
      return (Array.isArray(out) ? out : [out]) as tf.Tensor[];
    },
  };
}

/**
 * Registers a fast kernel of a moekit op for one backend, replacing what is registered there.
 * @example registerOpKernel("MoekitCombine", "wasm", ({ inputs, attrs }) => combineOnHeap(inputs, attrs));
 */
export function registerOpKernel(opName: string, backendName: string, kernelFunc: tf.KernelConfig["kernelFunc"]): void {
  if (tf.getKernel(opName, backendName)) tf.unregisterKernel(opName, backendName);
  tf.registerKernel({ kernelName: opName, backendName, kernelFunc });
}

function withoutMissing<I extends TensorMap>(inputs: I): tf.NamedTensorMap {
  const present = Object.entries(inputs).filter((entry): entry is [string, tf.Tensor] => entry[1] !== undefined);
  return Object.fromEntries(present);
}

function useReferenceWhereNoKernel<I extends TensorMap, A extends Attrs>(spec: OpSpec<I, A>): void {
  const backendName = tf.getBackend();
  if (tf.getKernel(spec.name, backendName)) return;
  // tfjs hands kernels the caller's Tensor objects and takes Tensors back, so the reference itself can be the kernel.
  const kernelFunc = ({ inputs, attrs }: { inputs: unknown; attrs?: unknown }) =>
    tf.tidy(() => spec.reference(inputs as I, attrs as A));
  tf.registerKernel({ kernelName: spec.name, backendName, kernelFunc: kernelFunc as tf.KernelConfig["kernelFunc"] });
}

/**
 * The one entry of this name that tfjs knows. A second copy of this package (its CommonJS build beside its ESM build, say)
 * must use the entry of the first, because each call tells it which inputs to save.
 */
function sharedGradient<I extends TensorMap, A extends Attrs>(spec: OpSpec<I, A>): tf.GradConfig {
  const known = tf.getGradient(spec.name);
  if (known) return known;
  const gradient = gradientConfig(spec);
  if (spec.gradient) tf.registerGradient(gradient);
  return gradient;
}

type SavedAttrs<A> = A & { inputNames: string[] };

function gradientConfig<I extends TensorMap, A extends Attrs>(spec: OpSpec<I, A>) {
  const gradFunc = (dy: tf.Tensor | tf.Tensor[], saved: tf.Tensor[], attrs: SavedAttrs<A>) => {
    const names = attrs.inputNames;
    const inputs = Object.fromEntries(names.map((name, i) => [name, saved[i]])) as I;
    const dys = Array.isArray(dy) ? dy : [dy];
    const known = spec.gradient?.(dys, { inputs, outputs: saved.slice(names.length) }, attrs) ?? {};
    const zeros = Object.fromEntries(names.map((name) => [name, () => tf.zeros(inputs[name]!.shape)]));
    return { ...zeros, ...known };
  };
  return {
    kernelName: spec.name,
    inputsToSave: [] as string[],
    outputsToSave: new Array<boolean>(8).fill(true),
    gradFunc: gradFunc as unknown as tf.GradConfig["gradFunc"],
  };
}

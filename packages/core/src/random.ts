import * as tf from "@tensorflow/tfjs";

/**
 * Names one sequence of random numbers. Equal keys give equal numbers on every machine, and no call disturbs another:
 * there is no state to carry or to save.
 * @example const key: RandomKey = { seed: 1, stream: "layers.0.up" };
 */
export interface RandomKey {
  /** Any whole number; its lower 32 bits count. */
  readonly seed: number;
  /** Which sequence of this seed: a number, or a name such as a parameter path. */
  readonly stream: number | string;
}

/**
 * Uniform numbers in `[low, high)`.
 * @example randomUniform(3, { seed: 1, stream: "order" });
 */
export function randomUniform(size: number, key: RandomKey, low = 0, high = 1): Float32Array {
  const [k0, k1] = keyWords(key);
  // 24 bits: the most that a float32 below 1 can hold.
  return Float32Array.from({ length: size }, (_, i) => low + (high - low) * ((threefry(i, 0, k0, k1)[0] >>> 8) / 2 ** 24));
}

/**
 * Normal numbers.
 * @example randomNormal(3, { seed: 1, stream: "noise" }, 0, 0.5);
 */
export function randomNormal(size: number, key: RandomKey, mean = 0, std = 1): Float32Array {
  const [k0, k1] = keyWords(key);
  return Float32Array.from({ length: size }, (_, i) => mean + std * boxMuller(threefry(i, 0, k0, k1)));
}

/**
 * Normal numbers, those further than `cutoff` standard deviations from the mean drawn again.
 * @example randomTruncatedNormal(3, { seed: 1, stream: "layers.0.up" }, 0.02);
 */
export function randomTruncatedNormal(size: number, key: RandomKey, std = 1, cutoff = 3): Float32Array {
  // Nothing to draw, e.g. for a model whose weights are going to be loaded.
  if (std === 0) return new Float32Array(size);
  const [k0, k1] = keyWords(key);
  const draw = (i: number) => {
    for (let attempt = 0; ; attempt++) {
      const z = boxMuller(threefry(i, attempt, k0, k1));
      if (Math.abs(z) <= cutoff) return std * z;
    }
  };
  return Float32Array.from({ length: size }, (_, i) => draw(i));
}

/**
 * How a weight starts: truncated normal with this key and standard deviation, cut at 3 standard deviations.
 * @example const init: WeightInit = { seed: 1, stream: "head", std: 0.01 };
 */
export interface WeightInit extends RandomKey {
  /** Default 0.02. */
  readonly std?: number;
}

/**
 * The rank type of a shape, as far as the compiler knows its length.
 * @example type Matrix = RankOf<[8, 4]>; // tf.Rank.R2
 */
export type RankOf<S extends readonly number[]> = S["length"] extends 1 ? tf.Rank.R1 : S["length"] extends 2 ? tf.Rank.R2 : S["length"] extends 3 ? tf.Rank.R3 : tf.Rank;

/**
 * A trainable variable from a truncated normal distribution.
 *
 * @source Groeneveld et al. 2024 (OLMo), init_fn normal, std 0.02, cutoff 3.
 * @example const weight = weightVariable([8, 4], { seed: 1, stream: "head" });
 */
export function weightVariable<S extends number[]>(shape: [...S], { seed, stream, std = 0.02 }: WeightInit): tf.Variable<RankOf<S>> {
  const values = randomTruncatedNormal(tf.util.sizeFromShape(shape), { seed, stream }, std);
  return tf.tidy(() => tf.variable(tf.tensor<RankOf<S>>(values, shape as never)));
}

/**
 * A trainable variable filled with one value: 0 for biases, 1 for norms.
 * @example const scale = constantVariable([64], 1);
 */
export function constantVariable<S extends number[]>(shape: [...S], value: number): tf.Variable<RankOf<S>> {
  return tf.tidy(() => tf.variable(tf.fill<RankOf<S>>(shape as never, value)));
}

type Words = readonly [number, number];

function keyWords({ seed, stream }: RandomKey): Words {
  return [seed >>> 0, typeof stream === "number" ? stream >>> 0 : fnv1a(stream)];
}

/** Hash of a name: FNV-1a, 32 bits. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** One normal number from two random words. */
function boxMuller([a, b]: Words): number {
  // (a + 1) / 2^32 is in (0, 1], so that the logarithm is finite.
  return Math.sqrt(-2 * Math.log((a + 1) / 2 ** 32)) * Math.cos((2 * Math.PI * b) / 2 ** 32);
}

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const;

/**
 * Threefry 2x32 with 20 rounds: a bijection of the counter words under a key, as random as its user can tell.
 * @source Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", section 3.3.
 */
export function threefry(c0: number, c1: number, k0: number, k1: number): Words {
  const keys = [k0, k1, k0 ^ k1 ^ 0x1bd11bda];
  let [x0, x1] = [(c0 + k0) >>> 0, (c1 + k1) >>> 0];
  for (let round = 0; round < 20; round++) {
    const r = ROTATIONS[round % 8]!;
    x0 = (x0 + x1) >>> 0;
    x1 = (((x1 << r) | (x1 >>> (32 - r))) ^ x0) >>> 0;
    if (round % 4 < 3) continue;
    const injection = (round + 1) / 4;
    x0 = (x0 + keys[injection % 3]!) >>> 0;
    x1 = (x1 + keys[(injection + 1) % 3]! + injection) >>> 0;
  }
  return [x0, x1];
}

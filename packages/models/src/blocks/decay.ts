/** H heads, N tokens of a block; i and j count tokens of a block from 1. */
import * as tf from "@tensorflow/tfjs";

/**
 * How fast each head of linear attention forgets: after n tokens the past counts `exp(-slope n)`.
 *
 * Not trained, but loaded and saved like weights: files hold all four, and transformers computes with what a file holds.
 */
export class Decay {
  /** `[H, 1, 1]` */
  readonly slopeRate: tf.Variable;
  /** `[H, N, 1]` `exp(-slope i)`: of the state before the block, seen from token i. */
  readonly queryDecay: tf.Variable;
  /** `[H, N, 1]` `exp(-slope (N - i))`: of token i, at the end of the block. */
  readonly keyDecay: tf.Variable;
  /** `[1, H, N, N]` `exp(-slope (i - j))` of token j, seen from token i; 0 where j comes later. */
  readonly diagonalDecay: tf.Variable;

  constructor(
    slopes: readonly number[],
    private readonly blockSize: number,
  ) {
    const [H, N] = [slopes.length, blockSize];
    const decay = (distance: (i: number) => number) => constant([H, N, 1], (at) => Math.exp(-slopes[Math.floor(at / N)]! * distance((at % N) + 1)));
    this.slopeRate = constant([H, 1, 1], (head) => slopes[head]!);
    this.queryDecay = decay((i) => i);
    this.keyDecay = decay((i) => N - i);
    this.diagonalDecay = constant([1, H, N, N], (at) => {
      const distance = (Math.floor(at / N) % N) - (at % N);
      return distance < 0 ? 0 : Math.exp(-slopes[Math.floor(at / (N * N))]! * distance);
    });
  }

  /** `[H, n, 1]` for the queries of a block of n tokens. */
  ofQueries(n: number): tf.Tensor3D {
    return tf.slice(this.queryDecay as tf.Tensor3D, [0, 0, 0], [-1, n, 1]);
  }

  /** `[H, n, 1]` for the keys of a block of n tokens. */
  ofKeys(n: number): tf.Tensor3D {
    return tf.slice(this.keyDecay as tf.Tensor3D, [0, this.blockSize - n, 0], [-1, n, 1]);
  }

  /** `[1, H, n, n]` within a block of n tokens. */
  within(n: number): tf.Tensor4D {
    return tf.slice(this.diagonalDecay as tf.Tensor4D, [0, 0, 0, 0], [1, -1, n, n]);
  }

  /** `[H, 1, 1]` of the state, over a block of n tokens. */
  across(n: number): tf.Tensor {
    return tf.exp(tf.mul(this.slopeRate, -n));
  }
}

function constant(shape: number[], value: (at: number) => number): tf.Variable {
  const size = shape.reduce((product, length) => product * length, 1);
  return tf.tidy(() => tf.variable(tf.tensor(Float32Array.from({ length: size }, (_, at) => value(at)), shape), false));
}

/** Matrices that grow row by row; L rows of W numbers. */
import * as tf from "@tensorflow/tfjs";
import { readsSynchronously } from "@moekit/core";

/** A matrix that grows at its end and is cut at its beginning. */
export interface GrowingRows {
  /** Adds rows `[S, W]`. @returns All rows, `[L, W]`, for use before the next call. */
  append(added_SW: tf.Tensor2D): tf.Tensor2D;
  /** Forgets all rows but the last ones. */
  keepLast(count: number): void;
  dispose(): void;
}

/** One for the active backend. */
export function growingRows(): GrowingRows {
  return sharesMemory() ? new RowsInPlace() : new RowsPutTogether();
}

/** True if the backend hands out the memory of tensors, and takes a part of it as another tensor, without copies. */
function sharesMemory(): boolean {
  if (!readsSynchronously()) return false;
  return tf.tidy(() => {
    const values = tf.zeros([2]).dataSync();
    const second = tf.tensor1d(values.subarray(1) as Float32Array, "float32");
    values[1] = 1;
    return second.dataSync()[0] === 1;
  });
}

const LEAST_ROOM = 64;

/** Writes rows into memory with room for more, of which the matrix is a part, so that adding a row costs one row. */
class RowsInPlace implements GrowingRows {
  private room?: tf.Tensor2D;
  private begin = 0;
  private end = 0;

  append(added_SW: tf.Tensor2D): tf.Tensor2D {
    const [count, width] = added_SW.shape;
    // A gradient must find the way to the added rows.
    const onTape = tf.engine().isTapeOn() ? this.put(added_SW) : undefined;
    if (!this.room || this.end + count > this.room.shape[0]) this.makeRoom(this.length + count, width);
    valuesOf(this.room!).set(added_SW.dataSync(), this.end * width);
    this.end += count;
    return onTape ?? this.rows();
  }

  keepLast(count: number): void {
    this.begin = Math.max(this.begin, this.end - count);
    // After a long prompt under a short window most of the room is for nothing.
    if (this.room && Math.max(LEAST_ROOM, 4 * this.length) < this.room.shape[0]) this.makeRoom(this.length, this.room.shape[1]);
  }

  dispose(): void {
    this.room?.dispose();
    this.room = undefined;
    this.begin = this.end = 0;
  }

  private get length(): number {
    return this.end - this.begin;
  }

  private rows(): tf.Tensor2D {
    const width = this.room!.shape[1];
    return tf.tensor2d(valuesOf(this.room!).subarray(this.begin * width, this.end * width), [this.length, width], "float32");
  }

  private put(added_SW: tf.Tensor2D): tf.Tensor2D {
    return this.length > 0 ? tf.concat([this.rows(), added_SW], 0) : added_SW;
  }

  /** Moves to memory with half as much room again, so that a row is moved about twice. */
  private makeRoom(rows: number, width: number): void {
    const room = tf.keep(tf.zeros<tf.Rank.R2>([Math.max(LEAST_ROOM, Math.ceil(1.5 * rows)), width]));
    if (this.room) valuesOf(room).set(valuesOf(this.room).subarray(this.begin * width, this.end * width));
    this.room?.dispose();
    [this.room, this.begin, this.end] = [room, 0, this.length];
  }
}

const valuesOf = (x: tf.Tensor): Float32Array => x.dataSync<"float32">() as Float32Array;

/** Puts added rows behind those before, as a new tensor. */
class RowsPutTogether implements GrowingRows {
  private rows?: tf.Tensor2D;

  append(added_SW: tf.Tensor2D): tf.Tensor2D {
    const all = this.rows ? tf.concat([this.rows, added_SW], 0) : added_SW;
    this.keep(all);
    return all;
  }

  keepLast(count: number): void {
    const [length = 0, width = 0] = this.rows?.shape ?? [];
    if (count < length) this.keep(tf.tidy(() => tf.slice(this.rows!, [length - count, 0], [count, width])));
  }

  dispose(): void {
    this.rows?.dispose();
    this.rows = undefined;
  }

  private keep(rows: tf.Tensor2D): void {
    const kept = tf.keep(tf.clone(rows));
    this.rows?.dispose();
    this.rows = kept;
  }
}

import { CheckpointError, type PackedMatrix } from "@moekit/core";
import type { TensorInfo } from "./header.js";
import { elements, type HostTensor } from "./host-tensor.js";
import type { TensorReader } from "./safetensors-file.js";
import type { StoredRows } from "./stored-rows.js";

const SCALE = "_scale_inv";

/**
 * Matrices of 8-bit floats with a scale for each block: `W = fp8 * scale`, where the scales of `x` are in `x_scale_inv`. Blocks
 * at the lower and right edge may be smaller. Tensors are read under their plain names as float32; their scales do not appear.
 *
 * @source DeepSeek-V3, arXiv:2412.19437, section 3.3; inference/kernel.py, weight_dequant
 */
export class BlockScaledTensors implements TensorReader {
  readonly tensors: ReadonlyMap<string, TensorInfo>;

  /**
   * @param block - Rows and columns of a block.
   * @throws CheckpointError if an 8-bit tensor has no scales, or scales are not one for each block of one.
   */
  constructor(
    private readonly files: TensorReader,
    private readonly block: readonly [number, number],
  ) {
    for (const [name, { dtype, shape }] of files.tensors) if (isFp8(dtype)) this.checkScales(name, shape);
    this.tensors = new Map([...files.tensors].filter(([name]) => !(name.endsWith(SCALE) && this.isScaled(name.slice(0, -SCALE.length)))));
  }

  async read(name: string): Promise<HostTensor> {
    if (!this.isScaled(name)) return this.files.read(name);
    const { shape } = this.tensors.get(name)!;
    const data = new Float32Array(elements(shape));
    await this.readInto(name, data);
    return { shape, data };
  }

  async readInto(name: string, target: Float32Array | Int32Array): Promise<void> {
    await this.files.readInto(name, target);
    if (this.isScaled(name)) multiplyBlocks(target, this.tensors.get(name)!.shape, await this.files.read(name + SCALE), this.block);
  }

  /** Undefined for the matrices with scales, which must be unpacked. */
  async readPacked(name: string): Promise<PackedMatrix | undefined> {
    return this.isScaled(name) ? undefined : this.files.readPacked?.(name);
  }

  /** Undefined for the matrices with scales. */
  storedRows(name: string): StoredRows | undefined {
    return this.isScaled(name) ? undefined : this.files.storedRows?.(name);
  }

  async close(): Promise<void> {
    await this.files.close();
  }

  private isScaled(name: string): boolean {
    return isFp8(this.files.tensors.get(name)?.dtype);
  }

  private checkScales(name: string, shape: readonly number[]): void {
    const scales = this.files.tensors.get(name + SCALE);
    if (!scales) throw new CheckpointError(`openCheckpoint: "${name}" is of 8-bit floats, but "${name + SCALE}" with its scales is not there.`);
    if (shape.length < 2) throw new CheckpointError(`openCheckpoint: "${name}" is of 8-bit floats in blocks, so it must be a matrix; its shape is [${shape}].`);
    const [rows, columns] = this.block;
    const want = [...shape.slice(0, -2), Math.ceil(shape.at(-2)! / rows), Math.ceil(shape.at(-1)! / columns)];
    if (scales.shape.join() !== want.join()) throw new CheckpointError(`openCheckpoint: "${name + SCALE}" must be [${want}], one scale for each block of ${rows} x ${columns} of [${shape}]; it is [${scales.shape}]. Is weight_block_size right?`);
  }
}

const isFp8 = (dtype?: string): boolean => dtype === "F8_E4M3" || dtype === "F8_E5M2";

/** Multiplies each block of the matrices in `values`, in place. */
function multiplyBlocks(values: Float32Array | Int32Array, shape: readonly number[], scales: HostTensor, [blockRows, blockColumns]: readonly [number, number]): void {
  const [rows, columns] = shape.slice(-2) as [number, number];
  const [scaleRows, scaleColumns] = scales.shape.slice(-2) as [number, number];
  for (let line = 0; line < values.length / columns; line++) {
    const scaleLine = Math.floor(line / rows) * scaleRows + Math.floor((line % rows) / blockRows);
    for (let block = 0; block < scaleColumns; block++) {
      const scale = scales.data[scaleLine * scaleColumns + block]!;
      const end = Math.min((block + 1) * blockColumns, columns) + line * columns;
      for (let i = block * blockColumns + line * columns; i < end; i++) values[i]! *= scale;
    }
  }
}

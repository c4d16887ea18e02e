import { CheckpointError, type PackedMatrix } from "@moekit/core";
import { mxfp4 } from "@moekit/core/packed";
import type { TensorInfo } from "./header.js";
import { elements, type HostTensor } from "./host-tensor.js";
import type { TensorReader } from "./safetensors-file.js";
import type { StoredRows } from "./stored-rows.js";

const [BLOCKS, SCALES] = ["_blocks", "_scales"];
/** Numbers of a block, two in each of its bytes. */
const BLOCK = 32;
/** Of the codes; the first four bits of a byte hold the even number. */
const VALUES = Float32Array.of(0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6);

/**
 * Matrices of 4-bit floats (MXFP4) as gpt-oss stores them: `x_blocks` `[E, O, G, 16]` and `x_scales` `[E, O, G]`, bytes, in the place
 * of `x` `[E, 32 G, O]`: number j of group g of row o is `x[e, 32 g + j, o] = V[code] * 2^(scale - 127)`.
 * Such tensors are read under their plain names as float32; blocks and scales do not appear.
 *
 * @source transformers, integrations/mxfp4.py, convert_moe_packed_tensors; OCP Microscaling Formats 1.0, section 5.3
 */
export class Mxfp4Tensors implements TensorReader {
  readonly tensors: ReadonlyMap<string, TensorInfo>;

  /** @throws CheckpointError if blocks have no scales, scales no blocks, or their shapes do not fit together. */
  constructor(private readonly files: TensorReader) {
    this.tensors = new Map([...files.tensors].flatMap(([name, info]) => plainInfo(name, info, files.tensors)));
  }

  async read(name: string): Promise<HostTensor> {
    if (!this.isPacked(name)) return this.files.read(name);
    const { shape } = this.tensors.get(name)!;
    const data = new Float32Array(elements(shape));
    await this.readInto(name, data);
    return { shape, data };
  }

  /** @throws CheckpointError if a scale is not a number. */
  async readInto(name: string, target: Float32Array | Int32Array): Promise<void> {
    if (!this.isPacked(name)) return this.files.readInto(name, target);
    const scales = await this.readScales(name);
    decode(await this.files.read(name + BLOCKS), scales, target);
  }

  async readPacked(name: string, into?: Uint8Array): Promise<PackedMatrix | undefined> {
    return this.isPacked(name) ? undefined : this.files.readPacked?.(name, into);
  }

  /** @throws CheckpointError if a scale is not a number. */
  async readPackedColumns(name: string): Promise<PackedMatrix | undefined> {
    if (!this.isPacked(name)) return undefined;
    const scales = await this.readScales(name);
    const [experts, inputs, outputs] = this.tensors.get(name)!.shape as [number, number, number];
    const bytes = new Uint8Array(scales.data.length * mxfp4.blockBytes);
    repack((await this.files.read(name + BLOCKS)).data, scales.data, 0, bytes);
    return { format: mxfp4, shape: [experts * outputs, inputs], bytes };
  }

  storedRows(name: string): StoredRows | undefined {
    return this.isPacked(name) ? undefined : this.files.storedRows?.(name);
  }

  storedColumns(name: string): StoredRows | undefined {
    if (!this.isPacked(name)) return undefined;
    const [experts, inputs, outputs] = this.tensors.get(name)!.shape as [number, number, number];
    return { format: mxfp4, shape: [experts * outputs, inputs], read: (rows, target) => this.readRows(name, rows, target) };
  }

  /** Rows among which few others lie (those of gate and up alternate), so that all from the first to the last are read at once. */
  private readRows(name: string, rows: readonly number[], target: Uint8Array): void {
    const groups = this.tensors.get(name)!.shape[1]! / BLOCK;
    const [first, count] = [rows[0]!, rows.at(-1)! - rows[0]! + 1];
    const [scales, blocks] = [new Uint8Array(count * groups), new Uint8Array(count * groups * (BLOCK / 2))];
    this.files.readBytesSync!(name + SCALES, first * groups, scales);
    this.files.readBytesSync!(name + BLOCKS, first * groups * (BLOCK / 2), blocks);
    checkScales(name, scales);
    const rowBytes = groups * mxfp4.blockBytes;
    rows.forEach((row, index) => repack(blocks, scales, (row - first) * groups, target.subarray(index * rowBytes, (index + 1) * rowBytes)));
  }

  private async readScales(name: string): Promise<HostTensor> {
    const scales = await this.files.read(name + SCALES);
    checkScales(name, scales.data);
    return scales;
  }

  async close(): Promise<void> {
    await this.files.close();
  }

  private isPacked(name: string): boolean {
    return this.tensors.has(name) && this.files.tensors.has(name + BLOCKS);
  }
}

/** Nothing for scales, the matrix for blocks, any other tensor as it is. */
function plainInfo(name: string, info: TensorInfo, all: ReadonlyMap<string, TensorInfo>): [string, TensorInfo][] {
  if (name.endsWith(SCALES) && info.dtype === "U8") {
    if (all.has(name.slice(0, -SCALES.length) + BLOCKS)) return [];
    throw new CheckpointError(`openCheckpoint: "${name}" has scales, but "${name.slice(0, -SCALES.length) + BLOCKS}" is not there.`);
  }
  if (!(name.endsWith(BLOCKS) && info.dtype === "U8")) return [[name, info]];
  const plain = name.slice(0, -BLOCKS.length);
  checkPair(plain, info, all);
  const [experts, outputs, groups] = info.shape as [number, number, number];
  return [[plain, { ...info, dtype: "F32", shape: [experts, groups * BLOCK, outputs] }]];
}

function checkPair(plain: string, { shape }: TensorInfo, all: ReadonlyMap<string, TensorInfo>): void {
  const fail = (problem: string) => new CheckpointError(`openCheckpoint: "${plain}" ${problem}`);
  const scales = all.get(plain + SCALES);
  if (all.has(plain)) throw fail(`is there twice, plain and as "${plain + BLOCKS}".`);
  if (!scales) throw fail(`has blocks of 4-bit floats, but "${plain + SCALES}" is not there.`);
  if (shape.length !== 4 || shape[3] !== BLOCK / 2) throw fail(`must have blocks [E, O, G, ${BLOCK / 2}]; they are [${shape}].`);
  if (scales.dtype !== "U8" || scales.shape.join() !== shape.slice(0, 3).join()) throw fail(`must have scales U8 [${shape.slice(0, 3)}], one for each block; they are ${scales.dtype} [${scales.shape}].`);
}

/** @throws CheckpointError if a scale is not a number. */
function checkScales(name: string, scales: ArrayLike<number> & { includes(value: number): boolean }): void {
  if (scales.includes(255)) throw new CheckpointError(`openCheckpoint: "${name + SCALES}" has the byte 255, which stands for no number. The file is damaged.`);
}

/** Fills `target` with the blocks from `first` on in the order of ggml: the scale, then bytes with number j in the low and j + 16 in the high half. */
function repack(blocks: ArrayLike<number>, scales: ArrayLike<number>, first: number, target: Uint8Array): void {
  for (let block = first, to = 0; to < target.length; block++) {
    target[to++] = scales[block]!;
    for (let j = 0, low = block * 16, high = low + 8; j < 16; j += 2, low++, high++) {
      const [one, other] = [blocks[low]!, blocks[high]!];
      target[to++] = (one & 15) | ((other & 15) << 4);
      target[to++] = (one >> 4) | (other & 0xf0);
    }
  }
}

function decode(blocks: HostTensor, scales: HostTensor, target: Float32Array | Int32Array): void {
  const [, outputs, groups] = blocks.shape as [number, number, number];
  for (let block = 0; block < scales.data.length; block++) {
    const row = Math.floor(block / groups);
    const [expert, output] = [Math.floor(row / outputs), row % outputs];
    const scale = 2 ** (scales.data[block]! - 127);
    // Inputs run along the middle axis, so neighbours are a row of outputs apart.
    let to = (expert * groups + (block % groups)) * BLOCK * outputs + output;
    for (let byte = block * (BLOCK / 2); byte < (block + 1) * (BLOCK / 2); byte++, to += 2 * outputs) {
      const codes = blocks.data[byte]!;
      target[to] = VALUES[codes & 15]! * scale;
      target[to + outputs] = VALUES[codes >> 4]! * scale;
    }
  }
}

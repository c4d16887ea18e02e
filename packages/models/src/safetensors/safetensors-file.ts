import { CheckpointError, packedBytes, type PackedFormat, type PackedMatrix } from "@moekit/core";
import { bf16, f16 } from "@moekit/core/packed";
import { fileSource, memorySource, type ByteSource } from "../io/byte-source.js";
import { codecOf } from "./dtypes.js";
import { readHeader, type SafetensorsHeader, type TensorInfo } from "./header.js";
import { forEachRun } from "../io/row-runs.js";
import { elements, type HostTensor } from "./host-tensor.js";
import type { StoredRows } from "./stored-rows.js";

/**
 * Named tensors that are read one at a time: one file, or the shards of a checkpoint.
 * @example const { shape, data } = await reader.read("lm_head.weight");
 */
export interface TensorReader {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** Reads one tensor. */
  read(name: string): Promise<HostTensor>;
  /** Reads into existing memory, e.g. one expert into its place in a bank. */
  readInto(name: string, target: Float32Array | Int32Array): Promise<void>;
  /** The bytes of a tensor as `[rows, columns]`, all axes but the last taken together; undefined if it is not stored in low precision, row by row. @param into - Memory for them, used if it has exactly their length. */
  readPacked?(name: string, into?: Uint8Array): Promise<PackedMatrix | undefined>;
  /** A tensor `[..., I, O]` whose columns are packed, as rows `[... * O, I]`; undefined if it is not. */
  readPackedColumns?(name: string): Promise<PackedMatrix | undefined>;
  /** What `readPacked` reads, to be read in parts when it is needed. */
  storedRows?(name: string): StoredRows | undefined;
  /** What `readPackedColumns` reads, to be read in parts when it is needed. */
  storedColumns?(name: string): StoredRows | undefined;
  /** Fills `target` with bytes of a tensor as they are in the file, at once, also after closing. @param from - The byte of the tensor where they begin. */
  readBytesSync?(name: string, from: number, target: Uint8Array): void;
  close(): Promise<void>;
}

/** What is stored as matrices can be computed with. */
const PACKED: Readonly<Record<string, PackedFormat>> = { BF16: bf16, F16: f16 };

/** Bytes that are converted at a time; the only memory besides the result. */
const CHUNK_BYTES = 1 << 22;

/**
 * A safetensors file, open for reading tensors by name. Only the header is read on opening, and it is validated completely:
 * dtypes, shapes, and that the tensors fill the file without gap or overlap.
 *
 * F64, F32, F16, BF16 and the 8-bit floats arrive as `Float32Array`; I64, I32, U8 and BOOL as `Int32Array`.
 *
 * @source https://huggingface.co/docs/safetensors
 * @example
 * const file = await SafetensorsFile.open("model.safetensors");
 * const { shape, data } = await file.read("lm_head.weight");
 * await file.close();
 */
export class SafetensorsFile implements TensorReader {
  /** The file's own strings, e.g. `{ format: "pt" }`. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, TensorInfo>;

  private constructor(private readonly source: ByteSource, header: SafetensorsHeader) {
    this.metadata = header.metadata;
    this.tensors = header.tensors;
  }

  /** Opens a file. @throws CheckpointError if it is missing, truncated or damaged. */
  static async open(path: string): Promise<SafetensorsFile> {
    return SafetensorsFile.from(await fileSource(path));
  }

  /** Reads from memory. @throws CheckpointError if the bytes are not a safetensors file. */
  static async fromBytes(bytes: Uint8Array): Promise<SafetensorsFile> {
    return SafetensorsFile.from(memorySource(bytes));
  }

  private static async from(source: ByteSource): Promise<SafetensorsFile> {
    try {
      return new SafetensorsFile(source, await readHeader(source));
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  /** Reads one tensor. @throws CheckpointError if there is none of that name. */
  async read(name: string): Promise<HostTensor> {
    const info = this.info(name);
    const data = new (codecOf(info.dtype)!.array)(elements(info.shape));
    await this.fill(info, data);
    return { shape: info.shape, data };
  }

  /** Reads rows `[begin, end)` of a tensor's first axis. @throws CheckpointError if the tensor has no such rows. */
  async readRows(name: string, begin: number, end: number): Promise<HostTensor> {
    const info = this.info(name);
    const [rows, ...rest] = info.shape;
    if (!(Number.isInteger(begin) && Number.isInteger(end) && 0 <= begin && begin <= end && end <= (rows ?? 0)))
      throw new CheckpointError(`readRows: "${name}" has the shape [${info.shape}]; rows ${begin} to ${end} are not in it.`);
    const shape = [end - begin, ...rest];
    const rowBytes = elements(rest) * codecOf(info.dtype)!.size;
    const data = new (codecOf(info.dtype)!.array)(elements(shape));
    await this.fill({ ...info, begin: info.begin + begin * rowBytes, end: info.begin + end * rowBytes }, data);
    return { shape, data };
  }

  /** A BF16 or F16 tensor of at least two axes as it is stored; undefined for others. @throws CheckpointError if there is none of that name. */
  async readPacked(name: string, into?: Uint8Array): Promise<PackedMatrix | undefined> {
    const { dtype, shape, begin, end } = this.info(name);
    const format = PACKED[dtype];
    if (!format || shape.length < 2) return undefined;
    const bytes = into?.length === end - begin ? into : new Uint8Array(end - begin);
    await this.source.read(bytes, begin);
    return { format, shape: [elements(shape.slice(0, -1)), shape.at(-1)!], bytes };
  }

  /** The rows of a BF16 or F16 tensor of at least two axes; undefined for others. @throws CheckpointError if there is none of that name. */
  storedRows(name: string): StoredRows | undefined {
    const { dtype, shape } = this.info(name);
    const format = PACKED[dtype];
    if (!format || shape.length < 2) return undefined;
    const columns = shape.at(-1)!;
    const rowBytes = packedBytes([1, columns], format);
    const read = (rows: readonly number[], target: Uint8Array) =>
      forEachRun(rows, (at, first, count) => this.readBytesSync(name, first * rowBytes, target.subarray(at * rowBytes, (at + count) * rowBytes)));
    return { format, shape: [elements(shape.slice(0, -1)), columns], read };
  }

  /** Bytes of a tensor as they are in the file. @throws CheckpointError if the file is gone or has changed. */
  readBytesSync(name: string, from: number, target: Uint8Array): void {
    this.source.readSync(target, this.info(name).begin + from);
  }

  /** Reads one tensor into memory of its element count and kind. */
  async readInto(name: string, target: Float32Array | Int32Array): Promise<void> {
    const info = this.info(name);
    const { array } = codecOf(info.dtype)!;
    if (!(target instanceof array) || target.length !== elements(info.shape))
      throw new CheckpointError(`readInto: "${name}" [${info.shape}] of ${info.dtype} needs a ${array.name} of ${elements(info.shape)}; got a ${target.constructor.name} of ${target.length}.`);
    await this.fill(info, target);
  }

  async close(): Promise<void> {
    await this.source.close();
  }

  private info(name: string): TensorInfo {
    const info = this.tensors.get(name);
    if (!info) throw new CheckpointError(`readSafetensors: ${this.source.name} has no tensor "${name}".`);
    return info;
  }

  private async fill({ dtype, begin, end }: TensorInfo, target: Float32Array | Int32Array): Promise<void> {
    const { size, decode } = codecOf(dtype)!;
    if (!decode) return this.source.read(new Uint8Array(target.buffer, target.byteOffset, target.byteLength), begin);
    for (let at = begin; at < end; at += CHUNK_BYTES) {
      const bytes = new Uint8Array(Math.min(CHUNK_BYTES, end - at));
      await this.source.read(bytes, at);
      decode(bytes, target as never, (at - begin) / size);
    }
  }
}

import { CheckpointError, type PackedMatrix } from "@moekit/core";
import { fileSource, memorySource, type ByteSource } from "../io/byte-source.js";
import { elements } from "../safetensors/host-tensor.js";
import { readHeader, type GgufHeader, type GgufTensorInfo } from "./header.js";
import type { GgufMetadata } from "./metadata.js";
import { formatOf, readableTypes } from "./formats.js";
import { withOtherParts, type Described } from "./split.js";
import { tensorBytes } from "./tensor-types.js";

/** Bytes that are decoded at a time; the only memory besides the result. */
const CHUNK_BYTES = 1 << 22;

/**
 * A GGUF file (version 2 or 3), open for reading tensors by name. Only the header is read on opening, and it is validated
 * completely: lengths, types, and that all tensors lie in the file, aligned, without overlap. Tensors are read on demand,
 * whole or in rows: as raw bytes, packed, or decoded to float32.
 *
 * @source https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 * @example
 * const file = await GgufFile.open("OLMoE-1B-7B-Q4_K_M.gguf");
 * file.metadata.text("general.architecture"); // "olmoe"
 * const expert3 = await file.readRows("blk.0.ffn_up_exps.weight", 3 * 1024, 4 * 1024);
 * await file.close();
 */
export class GgufFile {
  /** Version of the format. */
  readonly version: number;
  readonly metadata: GgufMetadata;
  readonly tensors: ReadonlyMap<string, GgufTensorInfo>;

  private constructor(
    private readonly source: ByteSource,
    header: GgufHeader,
  ) {
    this.version = header.version;
    this.metadata = header.metadata;
    this.tensors = header.tensors;
  }

  /** Opens a file, or the first of the files that a model is split over (`…-00001-of-00003.gguf`). @throws CheckpointError if one is missing, truncated or damaged. */
  static async open(path: string): Promise<GgufFile> {
    const { source, header } = await withOtherParts(path, await described(await fileSource(path)));
    return new GgufFile(source, header);
  }

  /** Reads from memory. @throws CheckpointError if the bytes are not a GGUF file. */
  static async fromBytes(bytes: Uint8Array): Promise<GgufFile> {
    const { source, header } = await described(memorySource(bytes));
    return new GgufFile(source, header);
  }

  /** What a file is called in messages. */
  get name(): string {
    return this.source.name;
  }

  /** Facts of one tensor. @throws CheckpointError if there is none of that name. */
  info(name: string): GgufTensorInfo {
    const info = this.tensors.get(name);
    if (!info) throw new CheckpointError(`readGguf: ${this.source.name} has no tensor "${name}".`);
    return info;
  }

  /** The bytes of a tensor as they are in the file. @throws CheckpointError if there is none of that name. */
  async readBytes(name: string): Promise<Uint8Array> {
    const { begin, end } = this.info(name);
    return this.bytesAt(begin, end);
  }

  /**
   * Rows `[first, end)` of a tensor, all axes but the last taken together, in the format of the file: bytes are copied, not
   * converted. @throws CheckpointError if there are no such rows, or the tensor is float32 or of a type that is not packed here.
   */
  async readPacked(name: string, first = 0, end = rowsOf(this.info(name)), into?: Uint8Array): Promise<PackedMatrix> {
    const info = this.info(name);
    const format = formatOf(info.type);
    if (!format) throw new CheckpointError(`readGguf: "${name}" of ${info.type} has no packed form here. Types that can be read are f32, ${readableTypes.join(", ")}; quantise the model to one of them.`);
    const { begin, end: stop } = this.rowRange(name, first, end);
    return { format, shape: [end - first, columnsOf(info)], bytes: await this.bytesAt(begin, stop, into) };
  }

  /** Fills `target` with the bytes of whole rows from `first` on, at once, also after closing. @throws CheckpointError if there are no such rows, or the file is gone or has changed. */
  readRowBytesSync(name: string, first: number, target: Uint8Array): void {
    const info = this.info(name);
    const { begin, end } = this.rowRange(name, first, first + target.length / tensorBytes(info.type, columnsOf(info)));
    this.source.readSync(target.subarray(0, end - begin), begin);
  }

  /** Rows `[first, end)` of a tensor as float32, `[end - first, columns]`. @throws CheckpointError if there are no such rows or the type cannot be decoded. */
  async readRows(name: string, first = 0, end = rowsOf(this.info(name))): Promise<Float32Array> {
    this.rowRange(name, first, end);
    const values = new Float32Array((end - first) * columnsOf(this.info(name)));
    await this.readRowsInto(name, first, values);
    return values;
  }

  /** Fills `target` with the rows from `first` on. @throws CheckpointError as {@link readRows} does, or if `target` is not whole rows. */
  async readRowsInto(name: string, first: number, target: Float32Array): Promise<void> {
    const columns = columnsOf(this.info(name));
    const count = columns === 0 ? 0 : target.length / columns;
    const { begin, end } = this.rowRange(name, first, first + count);
    if (this.info(name).type === "f32") return this.source.read(new Uint8Array(target.buffer, target.byteOffset, target.byteLength), begin);
    const step = Math.max(1, Math.floor((CHUNK_BYTES * count) / Math.max(1, end - begin)));
    for (let row = 0; row < count; row += step) {
      const last = Math.min(row + step, count);
      const { format, bytes } = await this.readPacked(name, first + row, first + last);
      format.decode(bytes, target.subarray(row * columns, last * columns));
    }
  }

  async close(): Promise<void> {
    await this.source.close();
  }

  private rowRange(name: string, first: number, end: number): { begin: number; end: number } {
    const info = this.info(name);
    if (!(Number.isInteger(first) && Number.isInteger(end) && 0 <= first && first <= end && end <= rowsOf(info)))
      throw new CheckpointError(`readGguf: "${name}" has the shape [${info.shape.join(", ")}]; rows ${first} to ${end} are not in it.`);
    const rowBytes = tensorBytes(info.type, columnsOf(info));
    return { begin: info.begin + first * rowBytes, end: info.begin + end * rowBytes };
  }

  private async bytesAt(begin: number, end: number, into?: Uint8Array): Promise<Uint8Array> {
    const bytes = into?.length === end - begin ? into : new Uint8Array(end - begin);
    await this.source.read(bytes, begin);
    return bytes;
  }
}

async function described(source: ByteSource): Promise<Described> {
  try {
    return { source, header: await readHeader(source) };
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** Length of a row. */
export const columnsOf = ({ shape }: GgufTensorInfo): number => shape.at(-1) ?? 1;

/** Rows of a tensor, all axes but the last taken together. */
export const rowsOf = ({ shape }: GgufTensorInfo): number => elements(shape.slice(0, -1));

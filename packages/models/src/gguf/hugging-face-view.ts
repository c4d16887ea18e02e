import { CheckpointError, packedBytes, type PackedFormat, type PackedMatrix } from "@moekit/core";
import type { HuggingFaceConfig } from "../config/model-config.js";
import type { TensorInfo } from "../safetensors/header.js";
import { elements, type HostTensor } from "../safetensors/host-tensor.js";
import { forEachRun } from "../io/row-runs.js";
import type { TensorReader } from "../safetensors/safetensors-file.js";
import type { StoredRows } from "../safetensors/stored-rows.js";
import type { GgufFamily } from "./families/gguf-family.js";
import { formatOf } from "./formats.js";
import type { GgufFile } from "./gguf-file.js";
import { ROPE_FACTORS } from "./mapping/rope-rule.js";
import { matricesOf, nameOf, patternOf, type Matrices, type TensorRule } from "./mapping/tensor-rule.js";

/** No model comes near; a hostile file could name any number. */
const MAX_EXPERTS = 1 << 16;

/** One GGUF tensor, or one expert of it, with values of a Hugging Face tensor. */
interface Piece {
  readonly name: string;
  readonly firstRow: number;
  readonly matrices: Matrices;
  readonly isVector: boolean;
}

/** A tensor of one packed format. */
interface Stored {
  readonly format: PackedFormat;
  readonly shape: readonly [rows: number, columns: number];
  readonly pieces: readonly Piece[];
}

/**
 * The tensors of a GGUF file under their Hugging Face names, shapes and orders.
 * @example const { shape, data } = await weights.read("model.layers.0.self_attn.q_proj.weight");
 */
export class HuggingFaceView implements TensorReader {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  private readonly pieces: ReadonlyMap<string, readonly Piece[]>;

  /** @throws CheckpointError if the file has a tensor that the family does not know, or half of one. */
  constructor(
    private readonly file: GgufFile,
    family: GgufFamily,
    config: HuggingFaceConfig,
  ) {
    this.pieces = piecesOf(file, family, config);
    this.tensors = new Map([...this.pieces].map(([name, pieces]) => [name, infoOf(file, name, pieces)]));
  }

  /** Reads one tensor, decoded to float32. @throws CheckpointError if there is none of that name or its type cannot be decoded. */
  async read(name: string): Promise<HostTensor> {
    const { shape } = this.info(name);
    const data = new Float32Array(elements(shape));
    await this.fill(name, data);
    return { shape, data };
  }

  /** Reads one tensor into memory of its element count. @throws CheckpointError as {@link read} does. */
  async readInto(name: string, target: Float32Array | Int32Array): Promise<void> {
    const { shape } = this.info(name);
    if (!(target instanceof Float32Array) || target.length !== elements(shape))
      throw new CheckpointError(`readInto: "${name}" [${shape.join(", ")}] needs a Float32Array of ${elements(shape)}; got a ${target.constructor.name} of ${target.length}.`);
    await this.fill(name, target);
  }

  /**
   * One tensor in the format of the file, as `[rows, columns]` with all axes but the last taken together; undefined if it is
   * float32 there, or its rows are not rows of the file.
   * @throws CheckpointError if there is no tensor of that name.
   */
  async readPacked(name: string, into?: Uint8Array): Promise<PackedMatrix | undefined> {
    const stored = this.stored(name, "wholeRows");
    if (!stored) return undefined;
    const { format, shape, pieces } = stored;
    const rowBytes = packedBytes([1, shape[1]], format);
    const [only] = pieces as [Piece];
    if (pieces.length === 1 && isInPlace(only.matrices)) {
      const { firstRow, matrices } = only;
      const { bytes } = await this.file.readPacked(only.name, firstRow, firstRow + matrices.count * matrices.rows, into);
      return { format, shape, bytes };
    }
    const size = shape[0] * rowBytes;
    const bytes = into?.length === size ? into : new Uint8Array(size);
    await this.gatherRows(pieces, rowBytes, bytes);
    return { format, shape, bytes };
  }

  /** A tensor `[..., I, O]` whose columns are rows of the file, as rows `[... * O, I]`; undefined if it is not. @throws CheckpointError if there is no tensor of that name. */
  async readPackedColumns(name: string): Promise<PackedMatrix | undefined> {
    const stored = this.stored(name, "wholeColumns");
    if (!stored) return undefined;
    const { format, shape, pieces } = stored;
    const bytes = new Uint8Array(packedBytes(shape, format));
    await this.gatherRows(pieces, packedBytes([1, shape[1]], format), bytes);
    return { format, shape, bytes };
  }

  /** What `readPacked` reads, to be read in parts when it is needed. @throws CheckpointError if there is no tensor of that name. */
  storedRows(name: string): StoredRows | undefined {
    const stored = this.stored(name, "wholeRows");
    return stored && this.rowsIn(stored);
  }

  /** What `readPackedColumns` reads, to be read in parts when it is needed. @throws CheckpointError if there is no tensor of that name. */
  storedColumns(name: string): StoredRows | undefined {
    const stored = this.stored(name, "wholeColumns");
    return stored && this.rowsIn(stored);
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  private info(name: string): TensorInfo {
    const info = this.tensors.get(name);
    if (!info) throw new CheckpointError(`readGguf: ${this.file.name} has no tensor for "${name}".`);
    return info;
  }

  /** The pieces of a tensor of one packed format whose rows or columns are rows of the file. */
  private stored(name: string, whole: "wholeRows" | "wholeColumns"): Stored | undefined {
    const { shape } = this.info(name);
    const pieces = this.pieces.get(name)!;
    const format = formatOf(this.file.info(pieces[0]!.name).type);
    const isOneFormat = pieces.every((piece) => this.file.info(piece.name).type === format?.name);
    if (!format || !isOneFormat || shape.length < 2 || !pieces.every(({ matrices, isVector }) => matrices[whole] && !isVector)) return undefined;
    const columns = shape.at(whole === "wholeRows" ? -1 : -2)!;
    return { format, shape: [elements(shape) / columns, columns], pieces };
  }

  private async gatherRows(pieces: readonly Piece[], rowBytes: number, target: Uint8Array): Promise<void> {
    for (const { name, firstRow, matrices } of pieces) {
      const { bytes } = await this.file.readPacked(name, firstRow, firstRow + matrices.count * matrices.rows);
      forEachRow(matrices, (row, to) => target.set(bytes.subarray(row * rowBytes, (row + 1) * rowBytes), to * rowBytes));
    }
  }

  private rowsIn({ format, shape, pieces }: Stored): StoredRows {
    const rowBytes = packedBytes([1, shape[1]], format);
    const placeOf = placesOfRows(pieces, shape[0]);
    const read = (rows: readonly number[], target: Uint8Array) =>
      forEachRun(rows.map(placeOf), (at, place, count) => {
        const piece = pieces[Math.floor(place / PIECE)]!;
        this.file.readRowBytesSync(piece.name, piece.firstRow + (place % PIECE), target.subarray(at * rowBytes, (at + count) * rowBytes));
      });
    return { format, shape, read };
  }

  private async fill(name: string, target: Float32Array): Promise<void> {
    for (const piece of this.pieces.get(name)!) await this.fillFrom(piece, target);
  }

  private async fillFrom(piece: Piece, target: Float32Array): Promise<void> {
    const { count, rows, columns } = piece.matrices;
    if (piece.isVector) return scatter(await this.vector(piece), piece.matrices, 0, target);
    if (isInPlace(piece.matrices)) return this.file.readRowsInto(piece.name, piece.firstRow, target);
    for (let matrix = 0; matrix < count; matrix++) {
      const first = piece.firstRow + matrix * rows;
      scatter(await this.file.readRows(piece.name, first, first + rows), { ...piece.matrices, rows, columns, count: 1 }, matrix, target);
    }
  }

  /** Biases are small: read whole, then cut. */
  private async vector({ name, firstRow, matrices: { count, rows } }: Piece): Promise<Float32Array> {
    const values = await this.file.readRows(name);
    return values.subarray(firstRow * rows, (firstRow + count) * rows);
  }
}

function scatter(values: Float32Array, matrices: Matrices, firstMatrix: number, target: Float32Array): void {
  const { count, rows, columns, wholeRows, rowAt, indexAt } = matrices;
  if (wholeRows) {
    for (let matrix = 0; matrix < count; matrix++)
      for (let row = 0; row < rows; row++) target.set(values.subarray((matrix * rows + row) * columns, (matrix * rows + row + 1) * columns), rowAt(firstMatrix + matrix, row) * columns);
    return;
  }
  let at = 0;
  for (let matrix = 0; matrix < count; matrix++)
    for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) target[indexAt(firstMatrix + matrix, row, column)] = values[at++]!;
}

function forEachRow({ count, rows, rowAt }: Matrices, visit: (row: number, target: number) => void): void {
  for (let matrix = 0; matrix < count; matrix++) for (let row = 0; row < rows; row++) visit(matrix * rows + row, rowAt(matrix, row));
}

/** True if the values lie in the Hugging Face tensor as they lie in the file. */
function isInPlace(matrices: Matrices): boolean {
  if (!matrices.wholeRows || elements(matrices.hfShape) !== matrices.count * matrices.rows * matrices.columns) return false;
  let same = true;
  forEachRow(matrices, (row, target) => (same &&= row === target));
  return same;
}

/** Rows of a piece are numbered from its index times this on. */
const PIECE = 2 ** 40;

/** Says for each row (or column) of a tensor in which row of which piece it lies. The matrices of a tensor are all alike. */
function placesOfRows(pieces: readonly Piece[], rows: number): (row: number) => number {
  const [{ matrices: first }] = pieces as [Piece];
  if (pieces.length === 1 && isInPlace(first)) return (row) => row;
  const perMatrix = rows / first.count;
  const places = new Float64Array(perMatrix);
  pieces.forEach(({ matrices }, index) => {
    for (let row = 0; row < matrices.rows; row++) places[matrices.rowAt(0, row)] = index * PIECE + row;
  });
  const rowsOfPiece = pieces.map(({ matrices }) => matrices.rows);
  return (row) => {
    const place = places[row % perMatrix]!;
    return place + Math.floor(row / perMatrix) * rowsOfPiece[Math.floor(place / PIECE)]!;
  };
}

function piecesOf(file: GgufFile, { tensors: rules, architecture, extraLayers = false }: GgufFamily, config: HuggingFaceConfig): Map<string, Piece[]> {
  const patterns = rules.flatMap((rule) => [rule.gguf, ...(rule.perExpert ? [rule.perExpert] : [])].map((name) => ({ rule, pattern: patternOf(name) })));
  const pieces = new Map<string, Piece[]>();
  const unknown: string[] = [];
  for (const name of file.tensors.keys()) {
    if (extraLayers && Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? -1) >= Number(config.num_hidden_layers)) continue;
    const found = patterns.find(({ pattern }) => pattern.test(name));
    if (found) for (const [hf, piece] of piecesOfTensor(file, name, found, config)) pieces.set(hf, [...(pieces.get(hf) ?? []), piece]);
    else if (!Object.values(ROPE_FACTORS).includes(name)) unknown.push(name);
  }
  if (unknown.length > 0) throw new CheckpointError(`openGguf: ${file.name}: the ${architecture} architecture does not have the tensors ${unknown.slice(0, 8).join(", ")}${unknown.length > 8 ? `, and ${unknown.length - 8} more` : ""}.`);
  return pieces;
}

function piecesOfTensor(file: GgufFile, name: string, { rule, pattern }: { rule: TensorRule; pattern: RegExp }, config: HuggingFaceConfig): [string, Piece][] {
  const { shape } = file.info(name);
  const { l: layer, e } = pattern.exec(name)!.groups ?? {};
  const isVector = rule.gguf.endsWith(".bias");
  if (!rule.hf.includes("{e}") || e !== undefined) return [[nameOf(rule.hf, { layer, expert: e }), { name, firstRow: 0, isVector, matrices: matricesOf(rule, shape, config) }]];
  const [numExperts = 0, ...rest] = shape;
  if (numExperts > MAX_EXPERTS) throw new CheckpointError(`openGguf: ${file.name}: "${name}" [${shape.join(", ")}] has more than ${MAX_EXPERTS} experts.`);
  const matrices = matricesOf(rule, rest, config);
  const rows = isVector ? 1 : matrices.count * matrices.rows;
  return Array.from({ length: numExperts }, (_, expert) => [nameOf(rule.hf, { layer, expert }), { name, firstRow: expert * rows, isVector, matrices }]);
}

/** @throws CheckpointError unless the pieces are a whole tensor. */
function infoOf(file: GgufFile, name: string, pieces: readonly Piece[]): TensorInfo {
  const [{ matrices: { hfShape: shape } }] = pieces as [Piece];
  const filled = pieces.reduce((sum, { matrices: { count, rows, columns } }) => sum + count * rows * columns, 0);
  const differs = pieces.some(({ matrices }) => matrices.hfShape.join() !== shape.join());
  if (differs || filled !== elements(shape)) throw new CheckpointError(`openGguf: ${file.name}: the tensors ${pieces.map((piece) => `${piece.name} [${file.info(piece.name).shape.join(", ")}]`).join(" and ")} do not make up "${name}" [${shape.join(", ")}].`);
  const { begin, end } = file.info(pieces[0]!.name);
  return { dtype: "F32", shape, begin, end };
}

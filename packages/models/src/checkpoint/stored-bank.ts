import { CheckpointError, type PackedFormat } from "@moekit/core";
import type { StoredBank } from "../blocks/packed-weight.js";
import type { Place } from "../layout/place.js";
import { rowStarts } from "../layout/strided.js";
import type { TensorReader } from "../safetensors/safetensors-file.js";
import type { StoredRows } from "../safetensors/stored-rows.js";

/**
 * The matrices of a bank of experts as they lie in a file, to be read one by one.
 *
 * @param shape - `[E, O, I]`
 * @param format - What they must be stored in. Left out: any format.
 * @throws CheckpointError if they are stored in another format, in float32, in 8-bit floats with scales, or not row by row.
 */
export function storedBank([E, O, I]: readonly [number, number, number], place: Place, reader: TensorReader, format?: PackedFormat): StoredBank {
  const perExpert = place.names.length > 1;
  const tensors = place.names.map((name) => storedTensor(name, place, I, reader, format));
  const stored = tensors[0]!.rows.format;
  const other = tensors.find(({ rows }) => rows.format.name !== stored.name);
  if (other) throw new CheckpointError(`loadModel: experts of one layer are stored in ${stored.name} and ${other.rows.format.name}. Only experts of one format can stay in the file.`);
  const [step = 0, ...strides] = perExpert ? [0, ...place.strides] : place.strides;
  const readExpert = (expert: number, target: Uint8Array) => {
    const { rows, rowAt } = tensors[perExpert ? expert : 0]!;
    rows.read(rowStarts({ fileShape: place.fileShape, offset: place.offset + expert * step, strides }, [O, I]).map(rowAt), target);
  };
  return { format: stored, shape: [E * O, I], readExpert };
}

/** A tensor with rows of experts, and how to find the row that begins at an element. */
interface StoredTensor {
  readonly rows: StoredRows;
  readonly rowAt: (element: number) => number;
}

function storedTensor(name: string, place: Place, columns: number, reader: TensorReader, format?: PackedFormat): StoredTensor {
  const found = asRows(name, place, columns, reader) ?? asColumns(name, place, columns, reader);
  if (!found) throw new CheckpointError(`loadModel: "${name}" is stored in float32, in 8-bit floats with scales, or not row by row, so it cannot stay in the file. ${CONVERT}`);
  if (format && found.rows.format.name !== format.name) throw new CheckpointError(`loadModel: "${name}" is stored in ${found.rows.format.name}; experts that stay in the file must be stored in ${format.name} as asked. Pass weights: "as-stored", or convert first. ${CONVERT}`);
  return found;
}

const CONVERT = "moekit convert writes a folder in bf16 or a .gguf file in any format.";

function asRows(name: string, { strides, fileShape }: Place, columns: number, reader: TensorReader): StoredTensor | undefined {
  const rows = strides.at(-1) === 1 && fileShape.at(-1) === columns ? reader.storedRows?.(name) : undefined;
  return rows && { rows, rowAt: (element) => element / columns };
}

/** Where rows are columns of the tensor in the file. */
function asColumns(name: string, { strides, fileShape }: Place, columns: number, reader: TensorReader): StoredTensor | undefined {
  const [inputs, outputs] = fileShape.slice(-2) as [number, number];
  const rows = strides.at(-1) === outputs && inputs === columns ? reader.storedColumns?.(name) : undefined;
  return rows && { rows, rowAt: (element) => Math.floor(element / (inputs * outputs)) * outputs + (element % outputs) };
}

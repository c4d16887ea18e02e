/** Where the values of a parameter lie in the tensors of a file. */

/**
 * A parameter as a strided view of tensors in files. With several names, the first axis of the parameter runs over the
 * tensors, and the strides are those of its other axes inside one tensor.
 */
export interface Place {
  readonly names: readonly string[];
  /** Of each tensor in the file. */
  readonly fileShape: readonly number[];
  /** Element of the file's tensor where the view begins. */
  readonly offset: number;
  /** One for each axis of the parameter (without the first, where there are several names). */
  readonly strides: readonly number[];
}

/** Says where a parameter of this shape lies. A string: the tensor of that name, as it is. */
export type Placing = string | ((shape: readonly number[]) => Place);

/** The place of a parameter of this shape. */
export function placeOf(placing: Placing, shape: readonly number[]): Place {
  return typeof placing === "string" ? { names: [placing], fileShape: shape, offset: 0, strides: rowMajor(shape) } : placing(shape);
}

/** A bank `[E, ...]` with one tensor for each expert; `{e}` in the name stands for the expert. */
export function perExpert(pattern: string): Placing {
  return ([experts, ...rest]) => {
    const names = Array.from({ length: experts! }, (_, expert) => pattern.replace("{e}", String(expert)));
    // The tensor of an only expert is the whole bank, whose first axis then has a stride as well.
    return { names, fileShape: rest, offset: 0, strides: rowMajor(experts === 1 ? [1, ...rest] : rest) };
  };
}

/** The tensor of that name with the same values in another shape. */
export function reshaped(name: string, fileShape: (shape: readonly number[]) => readonly number[]): Placing {
  return (shape) => ({ names: [name], fileShape: fileShape(shape), offset: 0, strides: rowMajor(shape) });
}

/** Part `index` of `count` equal parts that lie one after another along the rows: `[..., R, C]` in `[..., count R, C]`. */
export function partOfRows(name: string, index: number, count = 2): Placing {
  return (shape) => {
    const [leading, [rows, columns]] = [shape.slice(0, -2), shape.slice(-2) as [number, number]];
    const fileShape = [...leading, count * rows, columns];
    return { names: [name], fileShape, offset: index * rows * columns, strides: rowMajor(fileShape) };
  };
}

/** Rows `from` on of each group of `groupRows`: `[G, R, C]` in `[G groupRows, C]`. */
export function partOfGroups(name: string, from: number, groupRows: number): Placing {
  return ([groups, , columns]) => {
    const fileShape = [groups! * groupRows, columns!];
    return { names: [name], fileShape, offset: from * columns!, strides: [groupRows * columns!, columns!, 1] };
  };
}

/** `[..., O, I]` stored input-major, `[..., I, O]`. */
export function transposed(name: string): Placing {
  return (shape) => {
    const fileShape = [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!];
    const strides = rowMajor(fileShape);
    return { names: [name], fileShape, offset: 0, strides: [...strides.slice(0, -2), 1, shape.at(-2)!] };
  };
}

/** `[..., O, I]` stored input-major as part `index` of two that lie beside each other or alternate: `[..., I, 2 O]`. */
export function partOfColumns(name: string, index: 0 | 1, order: "halves" | "alternating"): Placing {
  return (shape) => {
    const [outputs, inputs] = shape.slice(-2) as [number, number];
    const fileShape = [...shape.slice(0, -2), inputs, 2 * outputs];
    const [offset, step] = order === "halves" ? [index * outputs, 1] : [index, 2];
    return { names: [name], fileShape, offset, strides: [...rowMajor(fileShape).slice(0, -2), step, 2 * outputs] };
  };
}

/** A bias `[..., O]` whose numbers alternate with those of another: part `index` of `[..., 2 O]`. */
export function alternating(name: string, index: 0 | 1): Placing {
  return (shape) => {
    const fileShape = [...shape.slice(0, -1), 2 * shape.at(-1)!];
    return { names: [name], fileShape, offset: index, strides: [...rowMajor(fileShape).slice(0, -1), 2] };
  };
}

/** The same place under `prefix.`. */
export function within(prefix: string, placing: Placing): Placing {
  return (shape) => {
    const place = placeOf(placing, shape);
    return { ...place, names: place.names.map((name) => `${prefix}.${name}`) };
  };
}

/** Elements from one index to the next along each axis. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
}

import type { HuggingFaceConfig } from "../../config/model-config.js";
import { elements } from "../../safetensors/host-tensor.js";
import { sameRows, type RowOrder } from "./row-orders.js";

/**
 * One tensor name of a GGUF file and the Hugging Face tensor with the same values. `{l}` stands for the layer. `{e}` in the
 * Hugging Face name stands for the expert: the GGUF tensor stacks all of them along its first axis.
 */
export interface TensorRule {
  readonly gguf: string;
  readonly hf: string;
  /** Where the rows are. @defaultValue the same rows in the same order */
  readonly rows?: RowOrder;
  /** The Hugging Face tensor has its last two axes swapped, `[..., in, out]`. */
  readonly hfInputMajor?: boolean;
  /** The GGUF tensor has its last two axes swapped, before `rows` applies. */
  readonly ggufInputMajor?: boolean;
  /** The Hugging Face tensor has all axes but the last in one. */
  readonly flat?: boolean;
  /** The Hugging Face tensor is `[1, D]` where the GGUF one is `[D]`. */
  readonly oneRow?: boolean;
  /** Always float32, whatever the type of the file: routers, norms, biases. */
  readonly exact?: boolean;
  /** Shape of the GGUF tensor, given the Hugging Face one, where it does not follow from the other facts. */
  readonly ggufShape?: (hf: readonly number[], config: HuggingFaceConfig) => number[];
  /** Only older files have it: it is read, and not written. */
  readonly older?: boolean;
  /** How older files call the tensor of one expert. */
  readonly perExpert?: string;
}

/** Values of a GGUF tensor as matrices, and how to find each in the Hugging Face tensor. */
export interface Matrices {
  /** Matrices, their rows and columns as they lie in the GGUF file. */
  readonly count: number;
  readonly rows: number;
  readonly columns: number;
  /** True if each row of the file is a row of the Hugging Face tensor. */
  readonly wholeRows: boolean;
  /** True if each row of the file is a column of the Hugging Face tensor. */
  readonly wholeColumns: boolean;
  /** The Hugging Face row (column where `wholeColumns`) of row `row` of matrix `matrix`; only where rows are whole. */
  readonly rowAt: (matrix: number, row: number) => number;
  /** Index of a value in the Hugging Face tensor. */
  readonly indexAt: (matrix: number, row: number, column: number) => number;
  /** Shape of the Hugging Face tensor. */
  readonly hfShape: readonly number[];
}

/** @param shape - Of the GGUF tensor, or of one expert of it. */
export function matricesOf(rule: TensorRule, shape: readonly number[], config: HuggingFaceConfig): Matrices {
  const { rows: order = sameRows, hfInputMajor = false, ggufInputMajor = false } = rule;
  const isVector = rule.gguf.endsWith(".bias");
  const [leading, [rows, columns]] = isVector ? [shape.slice(0, -1), [shape.at(-1)!, 1]] : [shape.slice(0, -2), [shape.at(-2) ?? 1, shape.at(-1)!]];
  const [outputs, inputs] = ggufInputMajor ? [columns, rows] : [rows, columns];
  const total = order.total(outputs, config);
  const rowAt = (matrix: number, row: number) => matrix * total + order.at(row, outputs, config);
  const at = (matrix: number, output: number, input: number) => (hfInputMajor ? (matrix * inputs + input) * total + order.at(output, outputs, config) : rowAt(matrix, output) * inputs + input);
  return {
    count: elements(leading),
    rows,
    columns,
    wholeRows: !hfInputMajor && !ggufInputMajor,
    wholeColumns: hfInputMajor && !ggufInputMajor,
    rowAt,
    indexAt: ggufInputMajor ? (matrix, row, column) => at(matrix, column, row) : at,
    hfShape: hfShape(rule, { leading, total, inputs, isVector, rank: shape.length }),
  };
}

function hfShape({ hfInputMajor, flat, oneRow }: TensorRule, { leading, total, inputs, isVector, rank }: { leading: readonly number[]; total: number; inputs: number; isVector: boolean; rank: number }): number[] {
  if (oneRow) return [1, isVector ? total : inputs];
  if (isVector) return [...leading, total];
  if (rank === 1) return [inputs];
  if (flat) return [elements(leading) * total, inputs];
  return [...leading, ...(hfInputMajor ? [inputs, total] : [total, inputs])];
}

/** A name pattern as a regular expression with the groups `l` and `e`. */
export function patternOf(name: string): RegExp {
  const escaped = name.replaceAll(/[.*+?^$()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^${escaped.replace("{l}", String.raw`(?<l>\d+)`).replace("{e}", String.raw`(?<e>\d+)`)}$`);
}

/** A name with its numbers filled in. */
export function nameOf(pattern: string, { layer, expert }: { layer?: number | string; expert?: number | string }): string {
  return pattern.replace("{l}", String(layer)).replace("{e}", String(expert));
}

import { ConfigError, packedBytes, partsByPath, type PackedFormat, type PackedMatrix } from "@moekit/core";

/** The packed matrix of a bank of experts that stays in a file. */
export interface StoredBank {
  readonly format: PackedFormat;
  /** Of all experts, one after the other. */
  readonly shape: readonly [rows: number, columns: number];
  /** Fills `target` with the matrix of one expert, at once. @throws CheckpointError if the file is gone or has changed. */
  readonly readExpert: (expert: number, target: Uint8Array) => void;
}

/**
 * A parameter that is kept in low precision and computed with directly; a constant, so it is no parameter to train.
 * Its axes but the last are the rows of the packed matrix.
 */
export class PackedWeight {
  private content?: PackedMatrix | StoredBank;

  /** @param shape - Of the parameter, e.g. `[E, F, D]`, packed as `[E * F, D]`. */
  constructor(readonly shape: readonly number[]) {}

  /** What it was loaded with. */
  get stored(): PackedMatrix | StoredBank {
    if (!this.content) throw new ConfigError("PackedWeight: the model has packed weights that were never loaded. Only loadModel makes such models.");
    return this.content;
  }

  set stored(content: PackedMatrix | StoredBank) {
    this.content = content;
  }

  /** All of it; read now where it stays in a file. */
  get matrix(): PackedMatrix {
    const { stored } = this;
    if ("bytes" in stored) return stored;
    const bytes = Buffer.allocUnsafeSlow(packedBytes(stored.shape, stored.format));
    const [experts] = this.shape as [number];
    const size = bytes.length / experts;
    for (let e = 0; e < experts; e++) stored.readExpert(e, bytes.subarray(e * size, (e + 1) * size));
    return { format: stored.format, shape: stored.shape, bytes };
  }

  /** The part of one index along the first axis. */
  part(index: number): PackedMatrix {
    const { format, shape: [rows, columns] } = this.stored;
    const shape = [rows / this.shape[0]!, columns] as const;
    const bytes = new Uint8Array(packedBytes(shape, format));
    this.readExpert(index, bytes);
    return { format, shape, bytes };
  }

  /** Fills `target` with the packed rows of one index along the first axis. */
  readExpert(index: number, target: Uint8Array): void {
    const { stored } = this;
    if ("bytes" in stored) target.set(stored.bytes.subarray(index * target.length, (index + 1) * target.length));
    else stored.readExpert(index, target);
  }
}

/** The packed weights of a module by dotted path, as `parameters` finds variables. */
export function packedWeights(module: object): Record<string, PackedWeight> {
  return partsByPath(module, (value) => value instanceof PackedWeight);
}

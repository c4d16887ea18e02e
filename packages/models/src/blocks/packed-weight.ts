import { ConfigError, partsByPath, type PackedMatrix } from "@moekit/core";

/**
 * A parameter that is kept in low precision and computed with directly; a constant, so it is no parameter to train.
 * Its axes but the last are the rows of the packed matrix.
 */
export class PackedWeight {
  private stored?: PackedMatrix;

  /** @param shape - Of the parameter, e.g. `[E, F, D]`, packed as `[E * F, D]`. */
  constructor(readonly shape: readonly number[]) {}

  get matrix(): PackedMatrix {
    if (!this.stored) throw new ConfigError("PackedWeight: the model has packed weights that were never loaded. Only loadModel makes such models.");
    return this.stored;
  }

  set matrix(matrix: PackedMatrix) {
    this.stored = matrix;
  }
}

/** The packed weights of a module by dotted path, as `parameters` finds variables. */
export function packedWeights(module: object): Record<string, PackedWeight> {
  return partsByPath(module, (value) => value instanceof PackedWeight);
}

import type { JsKernels } from "../kernel.js";
import { addRow, copyRow } from "../math/rows.js";

/** Rows by index, and adding rows up by index; an id of -1 is no row. N ids, D width. */
export const gatherRowsKernels: JsKernels = {
  MoekitGatherRows: (host, { x, ids }) => {
    const [N, D] = [ids!.shape[0]!, x!.shape[1]!];
    const y = host.allocate([N, D]);
    const [from, to, rows] = [host.floats(x!), host.floats(y), host.ints(ids!)];
    for (let n = 0; n < N; n++) {
      if (rows[n]! < 0) to.fill(0, n * D, (n + 1) * D);
      else copyRow(from, rows[n]! * D, to, n * D, D);
    }
    return [y];
  },

  MoekitScatterRows: (host, { y, ids }, { numRows }) => {
    const [N, D] = y!.shape as [number, number];
    const x = host.allocate([numRows as number, D]);
    const [from, to, rows] = [host.floats(y!), host.floats(x), host.ints(ids!)];
    to.fill(0);
    for (let n = 0; n < N; n++) {
      if (rows[n]! >= 0) addRow(from, n * D, 1, to, rows[n]! * D, D);
    }
    return [x];
  },
};

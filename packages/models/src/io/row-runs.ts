/**
 * Calls `run` for each stretch of rows that follow each other: where it begins in the list, its first row, and its length.
 * @example forEachRun([4, 5, 9], (at, first, count) => read(at, first, count)); // (0, 4, 2), (2, 9, 1)
 */
export function forEachRun(rows: ArrayLike<number>, run: (at: number, first: number, count: number) => void): void {
  for (let at = 0, end = 0; at < rows.length; at = end) {
    end = at + 1;
    while (end < rows.length && rows[end] === rows[end - 1]! + 1) end++;
    run(at, rows[at]!, end - at);
  }
}

/** Adds `vector` to each row of a matrix of its width, in place. */
export function addToRows(matrix: Float32Array, vector: Float32Array): void {
  const width = vector.length;
  for (let start = 0; start < matrix.length; start += width) {
    for (let j = 0; j < width; j++) matrix[start + j]! += vector[j]!;
  }
}

/** `sum[j] = sum over rows of matrix[i, j]`, added up in float64. */
export function sumRows(matrix: Float32Array, sum: Float32Array): void {
  const width = sum.length;
  const total = new Float64Array(width);
  for (let start = 0; start < matrix.length; start += width) {
    for (let j = 0; j < width; j++) total[j]! += matrix[start + j]!;
  }
  sum.set(total);
}

/** `to = from` for a run of numbers. */
export function copyRow(from: Float32Array, i: number, to: Float32Array, j: number, length: number): void {
  for (let d = 0; d < length; d++) to[j + d] = from[i + d]!;
}

/** `to = factor * from` for a run of numbers. */
export function scaleRow(from: Float32Array, i: number, factor: number, to: Float32Array, j: number, length: number): void {
  for (let d = 0; d < length; d++) to[j + d] = factor * from[i + d]!;
}

/** `to += factor * from` for a run of numbers. */
export function addRow(from: Float32Array, i: number, factor: number, to: Float32Array, j: number, length: number): void {
  for (let d = 0; d < length; d++) to[j + d]! += factor * from[i + d]!;
}

/** Encodes numbers block by block: `encodeBlock` gets those of one and the bytes that they become. */
export function byBlocks(blockSize: number, blockBytes: number, encodeBlock: (values: Float32Array, bytes: Uint8Array) => void): (values: Float32Array, bytes: Uint8Array) => void {
  return (values, bytes) => {
    for (let at = 0, to = 0; at < values.length; at += blockSize, to += blockBytes) encodeBlock(values.subarray(at, at + blockSize), bytes.subarray(to, to + blockBytes));
  };
}

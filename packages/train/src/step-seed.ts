/** Seed of one forward pass: a 32-bit hash of (run, step, micro-step), so that resuming needs no generator state. */
export function stepSeed(seed: number, step: number, micro: number): number {
  return [step, micro].reduce((hash, value) => mix(Math.imul(hash, 0x9e3779b1) ^ value), mix(seed));
}

/** The finaliser of MurmurHash3: every input bit changes about half of the output bits. */
function mix(value: number): number {
  let hash = value >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

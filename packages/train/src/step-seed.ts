/**
 * Seed of one forward pass: a 32-bit hash of (run, step, micro-step), so that resuming needs no generator state. Never 0, which
 * the random functions of tfjs take for "no seed".
 */
export function stepSeed(seed: number, step: number, micro: number): number {
  return [seed, step, micro].reduce((hash, value) => mix(hash + value + 0x9e3779b9), 0) || 1;
}

/** The finaliser of MurmurHash3: every input bit changes about half of the output bits. */
function mix(value: number): number {
  let hash = value >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

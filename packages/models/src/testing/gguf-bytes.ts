/** A GGUF file spelled out byte by byte, so that tests can lie in any place. Independent of the writer. */

const little = (size: number, write: (view: DataView) => void): Uint8Array => {
  const view = new DataView(new ArrayBuffer(size));
  write(view);
  return new Uint8Array(view.buffer);
};
export const u32 = (value: number): Uint8Array => little(4, (view) => view.setUint32(0, value, true));
export const u64 = (value: number | bigint): Uint8Array => little(8, (view) => view.setBigUint64(0, BigInt.asUintN(64, BigInt(value)), true));
export const text = (value: string | Uint8Array, length?: number | bigint): Uint8Array => {
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  return join([u64(length ?? bytes.length), bytes]);
};

export function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

export interface Tensor {
  readonly name?: string | Uint8Array;
  readonly dims?: readonly (number | bigint)[];
  readonly type?: number;
  readonly offset?: number | bigint;
  readonly rank?: number;
}

/** One tensor of two float32 unless told otherwise. */
const info = ({ name = "x", dims = [2], type = 0, offset = 0, rank = dims.length }: Tensor): Uint8Array =>
  join([typeof name === "string" ? text(name) : name, u32(rank), ...dims.map(u64), u32(type), u64(offset)]);

export interface Lies {
  readonly magic?: number;
  readonly version?: number;
  readonly numTensors?: number | bigint;
  readonly numKeys?: number | bigint;
  /** Key, type and value of each entry, as bytes. */
  readonly entries?: readonly Uint8Array[];
  readonly tensors?: readonly Tensor[];
  readonly data?: Uint8Array;
  readonly alignment?: number;
}

/** The bytes of a file, every part of which can be replaced. */
export function ggufBytes({ magic = 0x46554747, version = 3, entries = [], tensors = [{}], numTensors = tensors.length, numKeys = entries.length, data = new Uint8Array(new Float32Array([1, 2]).buffer), alignment = 32 }: Lies): Uint8Array {
  const head = join([u32(magic), u32(version), u64(numTensors), u64(numKeys), ...entries, ...tensors.map(info)]);
  const padding = new Uint8Array(Math.ceil(head.length / alignment) * alignment - head.length);
  return join([head, padding, data]);
}

/** An entry of the metadata: `type` is the id of the value's type. */
export const entry = (key: string, type: number, value: Uint8Array): Uint8Array => join([text(key), u32(type), value]);

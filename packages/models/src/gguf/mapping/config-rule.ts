import { CheckpointError, ConfigError } from "@moekit/core";
import type { HuggingFaceConfig } from "../../config/model-config.js";
import type { GgufFile } from "../gguf-file.js";
import type { GgufValue } from "../metadata.js";

/** Metadata by key; keys of the architecture are without its name. */
export type Entries = Readonly<Record<string, GgufValue>>;

/** Some keys of a config.json and the metadata that says the same. */
export interface ConfigRule {
  /** The keys of config.json that this rule speaks for. */
  readonly keys: readonly string[];
  /** @throws ConfigError if GGUF has no way to say it. */
  readonly toGguf: (config: HuggingFaceConfig) => Entries;
  /** @throws CheckpointError if the metadata is missing or of another type. */
  readonly toConfig: (from: ArchitectureReader) => HuggingFaceConfig;
  /** Tensors that the config turns into. */
  readonly tensors?: (config: HuggingFaceConfig) => Readonly<Record<string, Float32Array>>;
}

/** Divisors of the rotary frequencies, for all texts or for long and short ones. */
export type RopeFactors = Partial<Record<"usual" | "long" | "short", Float32Array>>;

/** Metadata under the name of the architecture. */
export class ArchitectureReader {
  constructor(
    readonly file: GgufFile,
    readonly architecture: string,
    /** Divisors of the rotary frequencies, where the file has them. */
    readonly ropeFactors: RopeFactors = {},
  ) {}

  /** Layers of the file. @throws CheckpointError if there are more than tensors; a hostile file could name any number. */
  get numLayers(): number {
    const layers = this.count("block_count");
    if (layers > this.file.tensors.size) throw new CheckpointError(`openGguf: ${this.file.name}: "${this.full("block_count")}" is ${layers}, but the file has ${this.file.tensors.size} tensors.`);
    return layers;
  }

  has(key: string): boolean {
    return this.file.metadata.has(this.full(key));
  }

  count(key: string, fallback?: number): number {
    return this.file.metadata.count(this.full(key), fallback);
  }

  /** A float, as the shortest decimal that is stored as the same float32: 1e-5 comes back as 1e-5. */
  real(key: string, fallback?: number): number {
    return shortest(this.file.metadata.number(this.full(key), fallback));
  }

  flag(key: string, fallback?: boolean): boolean {
    return this.file.metadata.flag(this.full(key), fallback);
  }

  text(key: string, fallback?: string): string {
    return this.file.metadata.text(this.full(key), fallback);
  }

  private full(key: string): string {
    return `${this.architecture}.${key}`;
  }
}

export function shortest(value: number): number {
  for (let digits = 1; digits < 10; digits++) {
    const decimal = Number(value.toPrecision(digits));
    if (Math.fround(decimal) === Math.fround(value)) return decimal;
  }
  return value;
}

export const u32 = (value: number): GgufValue => ({ type: "u32", value });
export const f32 = (value: number): GgufValue => ({ type: "f32", value });
export const bool = (value: boolean): GgufValue => ({ type: "bool", value });
export const text = (value: string): GgufValue => ({ type: "string", value });

/** What a file without the key means. Without a default the key must be there. */
interface Absent<T> {
  readonly fallback?: T;
  /** The key may be missing on both sides. */
  readonly optional?: boolean;
}

/** A whole number. */
export const count = (hf: string, gguf: string, absent: Absent<number> = {}): ConfigRule => scalar(hf, gguf, absent, { type: "u32", what: "a whole number from 0", is: (value) => Number.isSafeInteger(value) && (value as number) >= 0 }, (from) => from.count(gguf));

/** A float. */
export const real = (hf: string, gguf: string, absent: Absent<number> = {}): ConfigRule => scalar(hf, gguf, absent, { type: "f32", what: "a number", is: (value) => typeof value === "number" }, (from) => from.real(gguf));

/** True or false. */
export const flag = (hf: string, gguf: string, absent: Absent<boolean> = {}): ConfigRule => scalar(hf, gguf, absent, { type: "bool", what: "true or false", is: (value) => typeof value === "boolean" }, (from) => from.flag(gguf));

interface Kind {
  readonly type: "u32" | "f32" | "bool";
  readonly what: string;
  readonly is: (value: unknown) => boolean;
}

function scalar<T extends number | boolean>(hf: string, gguf: string, { fallback, optional = false }: Absent<T>, { type, what, is }: Kind, read: (from: ArchitectureReader) => T): ConfigRule {
  return {
    keys: [hf],
    toGguf(config) {
      const value = config[hf] ?? fallback;
      if (value === undefined && optional) return {};
      if (!is(value)) throw new ConfigError(`exportGguf: "${hf}" in config.json must be ${what}; got ${JSON.stringify(value)}.`);
      return { [gguf]: { type, value: value as T } };
    },
    toConfig(from) {
      if (from.has(gguf)) return { [hf]: read(from) };
      if (fallback !== undefined) return { [hf]: fallback };
      return optional ? {} : { [hf]: read(from) };
    },
  };
}

/** A key that GGUF cannot express, with the only value that the architecture has. */
export function only(hf: string, value: unknown, others: readonly unknown[] = []): ConfigRule {
  return {
    keys: [hf],
    toGguf(config) {
      const found = config[hf] ?? value;
      if (![value, ...others].some((one) => JSON.stringify(one) === JSON.stringify(found))) throw new ConfigError(`exportGguf: "${hf}": ${JSON.stringify(found)} in config.json cannot be said in a GGUF file of this architecture; it always means ${JSON.stringify(value)}.`);
      return {};
    },
    toConfig: () => ({ [hf]: value }),
  };
}

/** A flag that says whether a tensor is there, and which GGUF leaves to the tensor. */
export function tensorFlag(hf: string, tensor: string): ConfigRule {
  return { keys: [hf], toGguf: () => ({}), toConfig: ({ file }) => ({ [hf]: file.tensors.has(tensor) }) };
}

/** The same of a key that files need not have, and that is not kept. */
export const demanded = (hf: string, value: unknown): ConfigRule => ({ ...only(hf, value), toConfig: () => ({}) });

/** Keys that say nothing about what the model computes. They are not kept. */
export const unsaid = (...keys: string[]): ConfigRule => ({ keys, toGguf: () => ({}), toConfig: () => ({}) });

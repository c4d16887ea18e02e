/** What kernels take: memory by position, numbers, flags; undefined where an optional one is left out. */
export type AddonArgument = Float32Array | Int32Array | Uint8Array | number | boolean | undefined;

/** The compiled module. Besides the settings it has one function per line of `native/kernels/kernels.def`. */
export interface Addon {
  /** A kernel: reads and writes the arrays it is given, which it checks to be long enough. */
  readonly [kernel: string]: (...args: AddonArgument[]) => void;
}

/** Settings of the compiled module, which hold for the whole process. */
export interface AddonSettings {
  setThreads(count: number): void;
  threads(): number;
  /** False if this machine does not support the set. */
  chooseInstructionSet(name: string): boolean;
  instructionSet(): string;
  supportedInstructionSets(): string[];
  /** False if there is none of that name. */
  choosePrecision(name: string): boolean;
  precision(): string;
  /** Asks for large pages under a large new buffer; returns the bytes from its start to the next multiple of 64. */
  prepareBuffer(buffer: ArrayBuffer): number;
}

/** The module as it is loaded. */
export interface LoadedAddon {
  readonly kernels: Addon;
  readonly settings: AddonSettings;
  /** Where it was found: a file or a package. */
  readonly origin: string;
}

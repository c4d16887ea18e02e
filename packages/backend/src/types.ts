/** The backends that moekit knows, in the order in which `auto` tries them. @example const name: BackendName = "wasm"; */
export type BackendName = "cuda" | "webgpu" | "native" | "tensorflow" | "wasm" | "cpu";

/** What a started backend says of itself; a field is missing where it does not know. @example const facts: BackendFacts = { threads: 2, simd: "avx2" }; */
export interface BackendFacts {
  /** Threads that compute. */
  readonly threads?: number;
  /** Vector instructions in use, e.g. `wasm simd128` or `avx512`. */
  readonly simd?: string;
  /** Name of the device or library, e.g. that of the GPU. */
  readonly device?: string;
}

/**
 * How a candidate fared: `chosen`; `not-installed` (a package is missing); `failed` (it is installed but does not work
 * here); `not-asked` (only tried on request); `not-tried` (a faster one was chosen before).
 * @example const missing = candidates.filter(({ status }) => status === "not-installed");
 */
export type BackendStatus = "chosen" | "not-installed" | "failed" | "not-asked" | "not-tried";

/** One line of what `moekit doctor` prints. @example for (const { name, reason } of choice.candidates) console.log(name, reason); */
export interface BackendReport {
  readonly name: BackendName;
  readonly status: BackendStatus;
  /** Why, as a sentence without the name. */
  readonly reason: string;
}

/** What {@link selectBackend} chose, and why nothing else. @example const choice: BackendChoice = await selectBackend("auto"); */
export interface BackendChoice {
  readonly name: BackendName;
  /** The name by which `tf.setBackend` knows it. */
  readonly tfjsName: string;
  readonly facts: BackendFacts;
  /** All candidates in the order of `auto`. */
  readonly candidates: readonly BackendReport[];
}

/** How `auto` chooses. @example await selectBackend("auto", { webgpu: true }); */
export interface SelectOptions {
  /** Try WebGPU too; a software adapter is passed over. Default false: most Node machines do better without. */
  readonly webgpu?: boolean;
}

/** A backend that may or may not be there: one file each in `candidates/`. */
export interface Candidate {
  readonly name: BackendName;
  readonly tfjsName: string;
  /** What to do if it is missing, as a sentence. */
  readonly install: string;
  /** Makes it the active backend, with the fast kernels that exist for it; throws the reason if that cannot be. */
  readonly start: (request: StartRequest) => Promise<BackendFacts>;
}

/** Whether the user named the candidate, or `auto` came by. */
export interface StartRequest {
  readonly named: boolean;
}

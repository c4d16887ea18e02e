import type { GgufMetadata } from "../metadata.js";
import type { ConfigRule } from "../mapping/config-rule.js";
import type { TensorRule } from "../mapping/tensor-rule.js";

/** The facts of one model family in GGUF files: what llama.cpp calls its tensors and settings. */
export interface GgufFamily {
  /** `model_type` in config.json. */
  readonly modelType: string;
  /** Class name in transformers. */
  readonly className: string;
  /** `general.architecture` of the file. */
  readonly architecture: string;
  /** Tells the families of one architecture apart. */
  readonly matches?: (metadata: GgufMetadata) => boolean;
  readonly tensors: readonly TensorRule[];
  /** Files may have layers after the last one that predict further tokens. They are skipped. */
  readonly extraLayers?: boolean;
  readonly config: readonly ConfigRule[];
}

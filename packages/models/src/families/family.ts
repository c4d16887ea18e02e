import type { ConfigReader } from "../config/config-reader.js";
import type { LayerConfig, ModelConfig } from "../config/model-config.js";
import type { Placing } from "../layout/place.js";

/** Where parameters lie in the files, by path. */
export type Placings = Readonly<Record<string, Placing>>;

/** The facts of one model family: how its config.json reads and what its files call their tensors. */
export interface Family {
  /** `model_type` in config.json. */
  readonly modelType: string;
  /** Class name in transformers, for `architectures`. */
  readonly architecture: string;
  /** Reads the family's keys; a key it does not ask for is refused. */
  readonly config: (read: ConfigReader) => Omit<ModelConfig, "family" | "source">;
  /** Places of the parameters of a layer, by their path in it, under the layer's prefix. */
  readonly layer: (layer: LayerConfig) => Placings;
  /** Prefix of layer `{i}`. @defaultValue `model.layers.{i}` */
  readonly layerPrefix?: string;
  /** Places of the parameters outside layers. @defaultValue `model.embed_tokens`, `model.norm`, `lm_head` */
  readonly outside?: Placings;
  /** True for tensors of files that the model does not compute with. They are neither loaded nor saved. */
  readonly unused?: (name: string, config: ModelConfig) => boolean;
}

import type { Family } from "./family.js";
import { STANDARD_LAYER } from "./names.js";
import { layersOf, readAttention, readDecoder, readSliding, readUnusedWindow, type FamilyDefaults } from "./shared.js";

const DEFAULTS: FamilyDefaults = { normEps: 1e-6, ropeTheta: 10000 };

/** Qwen3: dense, queries and keys normed per head, a window in the layers from `max_window_layers` on where it is in use. */
export const qwen3: Family = {
  modelType: "qwen3",
  architecture: "Qwen3ForCausalLM",
  config(read) {
    const attention = readAttention(read, DEFAULTS, { bias: read.flag("attention_bias", false), headDim: 128, qkNorm: { over: "head", after: "projection" } });
    const [slides, first] = [read.flag("use_sliding_window", false), read.count("max_window_layers", 28)];
    if (!slides) readUnusedWindow(read);
    // A null is not the default here: it says that there is no window.
    const window = slides && !read.isNull("sliding_window") ? { ...attention, window: read.size("sliding_window", 4096) } : undefined;
    const at = readSliding(read, attention, window, (layer) => layer >= first);
    const dense = { kind: "dense", width: read.size("intermediate_size") } as const;
    return { ...readDecoder(read, DEFAULTS), layers: layersOf(read, (layer) => ({ attention: at(layer), feedForward: dense })) };
  },
  layer: () => STANDARD_LAYER,
};

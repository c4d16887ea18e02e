import type { AttentionConfig, DenseConfig, LayerConfig, ModelConfig, MoeConfig } from "./config/model-config.js";

/**
 * Sizes and costs of a model, from its config alone.
 * @example const { parameters, activeParameters } = modelSize(config);
 */
export interface ModelSize {
  /** All weights, tied ones once. */
  readonly parameters: number;
  /** Weights that one token meets: with K of E experts in each MoE layer. */
  readonly activeParameters: number;
  /** Floating point operations of a forward pass per token, at the context length asked for. */
  readonly forwardFlopsPerToken: number;
  /** The same for a training step: forward and twice as much backward. */
  readonly trainingFlopsPerToken: number;
  readonly layers: readonly LayerSize[];
}

/**
 * One layer of a {@link ModelSize}.
 * @example modelSize(config).layers.filter((layer) => layer.kind === "moe").length;
 */
export interface LayerSize {
  readonly kind: "dense" | "moe";
  readonly parameters: number;
  readonly activeParameters: number;
  readonly attentionParameters: number;
  /** 0 in dense layers. */
  readonly numExperts: number;
  readonly topK: number;
  /** Width of an expert, or of the dense block. */
  readonly width: number;
  /** Weights of one expert, or of the dense block. */
  readonly parametersPerExpert: number;
}

/**
 * Counts weights and work of a model without building it.
 *
 * A weight costs 2 operations per token that meets it; scores and sums of attention cost `4 H d` per key seen.
 *
 * @param context - Keys that a token sees, e.g. the sequence length. @defaultValue the model's longest sequence
 * @source PaLM, Chowdhery et al. 2022, arXiv:2204.02311, appendix B: training costs `6 N + 12 layers H d L` per token.
 * @example modelSize(await loadConfig("OLMoE-1B-7B-0924")).activeParameters;
 */
export function modelSize(config: ModelConfig, context = config.maxPositions): ModelSize {
  const layers = config.layers.map((layer) => layerSize(layer, config.hiddenSize));
  const table = config.vocabSize * config.hiddenSize;
  const outside = table * (config.tieEmbeddings ? 1 : 2) + config.hiddenSize;
  const total = (of: (layer: LayerSize) => number) => layers.reduce((sum, layer) => sum + of(layer), 0);
  const activeParameters = outside + total((layer) => layer.activeParameters);
  // Looking an embedding up costs nothing; a tied table still works as the head.
  const multiplied = activeParameters - (config.tieEmbeddings ? 0 : table);
  const forwardFlopsPerToken = 2 * multiplied + attentionFlops(config, context);
  return {
    parameters: outside + total((layer) => layer.parameters),
    activeParameters,
    forwardFlopsPerToken,
    trainingFlopsPerToken: 3 * forwardFlopsPerToken,
    layers,
  };
}

function attentionFlops({ layers }: ModelConfig, context: number): number {
  return layers.reduce((sum, { attention: { numHeads, headDim, window } }) => sum + 4 * numHeads * headDim * Math.min(context, window ?? context), 0);
}

function layerSize({ attention, feedForward }: LayerConfig, hiddenSize: number): LayerSize {
  const attentionParameters = attentionSize(attention, hiddenSize);
  const around = attentionParameters + 2 * hiddenSize;
  const parametersPerExpert = 3 * hiddenSize * feedForward.width;
  const { numExperts, topK, router } = expertsOf(feedForward, hiddenSize);
  const blocks = (count: number) => around + router + count * parametersPerExpert;
  const counts = feedForward.kind === "moe" ? { all: numExperts, active: topK } : { all: 1, active: 1 };
  return { kind: feedForward.kind, parameters: blocks(counts.all), activeParameters: blocks(counts.active), attentionParameters, numExperts, topK, width: feedForward.width, parametersPerExpert };
}

function expertsOf(feedForward: DenseConfig | MoeConfig, hiddenSize: number): { numExperts: number; topK: number; router: number } {
  if (feedForward.kind === "dense") return { numExperts: 0, topK: 0, router: 0 };
  const { numExperts, topK } = feedForward;
  return { numExperts, topK, router: numExperts * hiddenSize };
}

function attentionSize({ numHeads, numKeyValueHeads, headDim, bias, qkNorm }: AttentionConfig, hiddenSize: number): number {
  const [queries, keys] = [numHeads * headDim, numKeyValueHeads * headDim];
  const weights = hiddenSize * (2 * queries + 2 * keys);
  const biases = bias ? queries + 2 * keys + hiddenSize : 0;
  const norms = { none: 0, full: queries + keys, "per-head": 2 * headDim }[qkNorm];
  return weights + biases + norms;
}

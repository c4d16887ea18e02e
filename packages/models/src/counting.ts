import type { AttentionConfig, ExpertAttentionConfig, GroupedAttentionConfig, LatentAttentionConfig, LinearAttentionConfig } from "./config/attention-config.js";
import type { DenseConfig, MoeConfig, SharedExpertConfig } from "./config/feed-forward-config.js";
import type { LayerConfig, ModelConfig } from "./config/model-config.js";

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
  const layers = config.layers.map((layer) => layerSize(layer, config));
  const table = config.vocabSize * config.hiddenSize;
  const outside = table * (config.tieEmbeddings ? 1 : 2) + normSize(config) + (config.headBias ? config.vocabSize : 0);
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
  return layers.reduce((sum, { attention }) => sum + 2 * attention.numHeads * keyAndValueWidth(attention) * keysSeen(attention, context), 0);
}

function keyAndValueWidth(attention: AttentionConfig): number {
  return attention.kind === "latent" ? attention.contentDim + attention.rotary.dim + attention.valueDim : 2 * attention.headDim;
}

/** The state of linear attention is as wide as a head, and a token reads and changes all of it. */
function keysSeen(attention: AttentionConfig, context: number): number {
  if (attention.kind === "linear") return attention.headDim;
  return attention.kind === "grouped" ? Math.min(context, attention.window ?? attention.chunk ?? context) : context;
}

function layerSize({ attention, feedForward }: LayerConfig, config: ModelConfig): LayerSize {
  const { hiddenSize } = config;
  const attentionParameters = attentionSize(attention, hiddenSize);
  const parametersPerExpert = feedForwardSize(hiddenSize, feedForward);
  const { numExperts, topK, always } = expertsOf(feedForward, hiddenSize);
  const blocks = (count: number) => attentionParameters + 2 * normSize(config) + always + count * parametersPerExpert;
  const counts = feedForward.kind === "moe" ? { all: numExperts, active: topK } : { all: 1, active: 1 };
  return { kind: feedForward.kind, parameters: blocks(counts.all), activeParameters: blocks(counts.active) - idleAttention(attention, hiddenSize), attentionParameters, numExperts, topK, width: feedForward.width, parametersPerExpert };
}

/** Routers with a selection bias per expert. */
const BIASED_ROUTERS = ["sigmoid", "biasedTopK"];

/** Experts, and the weights beside them that every token meets. */
function expertsOf(feedForward: DenseConfig | MoeConfig, hiddenSize: number): { numExperts: number; topK: number; always: number } {
  if (feedForward.kind === "dense") return { numExperts: 0, topK: 0, always: 0 };
  const { numExperts, topK, shared, router, outputBias } = feedForward;
  const routerSize = numExperts * (hiddenSize + (BIASED_ROUTERS.includes(router.name) ? 1 : 0) + (router.bias ? 1 : 0));
  return { numExperts, topK, always: routerSize + (shared ? sharedSize(hiddenSize, shared) : 0) + (outputBias ? hiddenSize : 0) };
}

function sharedSize(hiddenSize: number, shared: SharedExpertConfig): number {
  return feedForwardSize(hiddenSize, shared) + (shared.gated ? hiddenSize : 0);
}

function feedForwardSize(hiddenSize: number, { width, bias }: { width: number; bias?: boolean }): number {
  return 3 * hiddenSize * width + (bias ? 2 * width + hiddenSize : 0);
}

const normSize = ({ hiddenSize, norm }: ModelConfig): number => (norm.kind === "rms" ? hiddenSize : 2 * hiddenSize);

function attentionSize(attention: AttentionConfig, hiddenSize: number): number {
  switch (attention.kind) {
    case "grouped":
      return groupedSize(attention, hiddenSize);
    case "latent":
      return latentSize(attention, hiddenSize);
    case "experts":
      return expertAttentionSize(attention, hiddenSize);
    case "linear":
      return linearSize(attention, hiddenSize);
  }
}

function latentSize({ numHeads, queryRank, latentRank, contentDim, valueDim, bias, rotary: { dim } }: LatentAttentionConfig, hiddenSize: number): number {
  const queries = numHeads * (contentDim + dim);
  const query = queryRank === undefined ? hiddenSize * queries : queryRank * (hiddenSize + 1 + queries);
  const latent = hiddenSize * (latentRank + dim) + latentRank * (1 + numHeads * (contentDim + valueDim));
  const biases = bias ? (queryRank ?? 0) + latentRank + dim + hiddenSize : 0;
  return query + latent + numHeads * valueDim * hiddenSize + biases;
}

/** Queries and outputs of each expert, its router, keys and values of all, a bias. */
function expertAttentionSize({ numExperts, numKeyValueHeads, headDim }: ExpertAttentionConfig, hiddenSize: number): number {
  return hiddenSize * (2 * (numExperts + 1) * numKeyValueHeads * headDim + numExperts + 1);
}

/** Weights of attention experts that a token did not choose. */
function idleAttention(attention: AttentionConfig, hiddenSize: number): number {
  if (attention.kind !== "experts") return 0;
  return 2 * (attention.numExperts - attention.topK) * attention.numKeyValueHeads * attention.headDim * hiddenSize;
}

/** Query, key, value, gate and output, and a norm. The decays are not counted: they are constants. */
function linearSize({ numHeads, headDim }: LinearAttentionConfig, hiddenSize: number): number {
  return numHeads * headDim * (5 * hiddenSize + 1);
}

function groupedSize({ numHeads, numKeyValueHeads, headDim, bias, qkNorm, sinks }: GroupedAttentionConfig, hiddenSize: number): number {
  const [queries, keys] = [numHeads * headDim, numKeyValueHeads * headDim];
  const weights = hiddenSize * (2 * queries + 2 * keys);
  const biases = (bias.queryKeyValue ? queries + 2 * keys : 0) + (bias.output ? hiddenSize : 0);
  const norms = qkNorm && qkNorm.weighted !== false ? { "all-heads": queries + keys, head: 2 * headDim }[qkNorm.over] : 0;
  return weights + biases + norms + (sinks ? numHeads : 0);
}

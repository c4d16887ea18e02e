/**
 * The contracts that every package shares.
 *
 * Shape letters: T tokens, D model width, E experts, K slots per token, F expert width, N = T·K dispatched rows, C capacity.
 */
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor3D } from "@tensorflow/tfjs";

/**
 * What a router may know besides its input. All fields are optional; a router states which ones it reads.
 * @example const context: RouteContext = { training: true, step: 10, seed: 1, layer: 0 };
 */
export interface RouteContext {
  /** True while training: noise, jitter and statistics are on only then. */
  readonly training?: boolean;
  /** Optimiser step, from 0. */
  readonly step?: number;
  /** Seed of this forward pass; noise is a pure function of (seed, layer). */
  readonly seed?: number;
  /** Index of the layer in the model. */
  readonly layer?: number;
  /** `[T]` float32, 1 for real tokens and 0 for padding. Left out: all tokens are real. */
  readonly valid?: Tensor1D;
  /** `[T]` int32: the sequence, domain or task of each token, and its position in the sequence. */
  readonly sequenceIds?: Tensor1D;
  readonly domainIds?: Tensor1D;
  readonly taskIds?: Tensor1D;
  readonly positions?: Tensor1D;
  /** The previous MoE layer's decision. */
  readonly previous?: Routing;
  /** Overrides for one call: another k or p, a decision from outside, or an additive score bias `[E]` or `[T, E]`. */
  readonly overrides?: {
    readonly topK?: number;
    readonly topP?: number;
    readonly expertIds?: Tensor2D;
    readonly gates?: Tensor2D;
    readonly scoreBias?: Tensor;
  };
}

interface RoutingBase {
  readonly numExperts: number;
  /** `[T, E]` raw router logits, clean (before noise and bias). */
  readonly logits: Tensor2D;
  /** `[T, E]` full probabilities (or normalised scores), for losses and metrics. */
  readonly probs: Tensor2D;
  /** `[T, E]` scores the choice was made by, where they differ from `probs` (bias, noise, groups). */
  readonly selectionScores?: Tensor2D;
  /** `[T, E]` logits after noise, where the router adds any. */
  readonly noisyLogits?: Tensor2D;
  /** Further results of the router by name (recurrent state, precision choices, noise std, ...). */
  readonly extra?: Readonly<Record<string, Tensor>>;
}

/**
 * Tokens choose experts.
 * @example const chosen = await (routing as TokenChoice).expertIds.array(); // [T, K]
 */
export interface TokenChoice extends RoutingBase {
  readonly kind: "token-choice";
  /** `[T, K]` int32, best first; -1 is an empty slot. */
  readonly expertIds: Tensor2D;
  /** `[T, K]` multiplied as they are; 0 in empty slots. They need not sum to 1. */
  readonly gates: Tensor2D;
  /** `[T, K]` float32, 1 where a slot was dropped for capacity (its id is -1 in `expertIds`). */
  readonly dropped?: Tensor2D;
  /** `[T, K]` int32 choice before capacity, for losses; same as `expertIds` when left out. */
  readonly chosenIds?: Tensor2D;
}

/**
 * Experts choose tokens.
 * @example const chosen = await (routing as ExpertChoice).tokenIds.array(); // [E, C]
 */
export interface ExpertChoice extends RoutingBase {
  readonly kind: "expert-choice";
  /** `[E, C]` int32 token indices; -1 is an empty slot. */
  readonly tokenIds: Tensor2D;
  /** `[E, C]` multiplied as they are; 0 in empty slots. */
  readonly gates: Tensor2D;
}

/**
 * Every expert sees every token with a soft weight.
 * @example const weights = (routing as DenseMix).gates; // [T, E]
 */
export interface DenseMix extends RoutingBase {
  readonly kind: "dense-mix";
  /** `[T, E]` multiplied as they are. */
  readonly gates: Tensor2D;
}

/**
 * A router's whole decision, as data.
 * @example const numSlots = (routing: Routing) => (routing.kind === "token-choice" ? routing.expertIds.size : routing.gates.size);
 */
export type Routing = TokenChoice | ExpertChoice | DenseMix;

/**
 * Makes the decision: a pure function of (input, parameters, context).
 * @example
 * const uniform: Router = {
 *   numExperts: 2,
 *   route: (x) => ({
 *     kind: "dense-mix",
 *     numExperts: 2,
 *     logits: tf.zeros([x.shape[0], 2]),
 *     probs: tf.fill([x.shape[0], 2], 0.5),
 *     gates: tf.fill([x.shape[0], 2], 0.5),
 *   }),
 * };
 */
export interface Router {
  readonly numExperts: number;
  /** @param x - `[T, D]` float32 router input. */
  route(x: Tensor2D, context?: RouteContext): Routing;
}

/**
 * Where the rows of a batch go: one sort serves all kernels of a layer.
 * @example
 * const plan: DispatchPlan = new LocalDispatcher().plan(routing);
 * const rows = dispatch(x, plan); // sorted by expert
 */
export interface DispatchPlan {
  /** Number of physical experts E. */
  readonly numExperts: number;
  /** Slots per token K; row `slot` of the flat choice belongs to token `floor(slot / K)`. */
  readonly slotsPerToken: number;
  /** `[N]` int32: flat slot of each sorted row (rows of expert 0 first, empty slots last; stable). */
  readonly order: Tensor1D;
  /** `[N]` int32: sorted row of each flat slot. */
  readonly inverse: Tensor1D;
  /** `[E + 1]` int32: rows `offsets[e]` to `offsets[e + 1]` belong to expert e. */
  readonly offsets: Tensor1D;
  /** `[T, K]` gates in the order of the flat slots; float32. */
  readonly gates: Tensor2D;
  /**
   * Only where experts chose tokens. Then a flat slot is place c of expert e, `slotsPerToken` is C, `gates` is `[E, C]`,
   * and the token of each row is data.
   */
  readonly expertChoice?: {
    /** `[N]` int32: token of each sorted row; -1 for empty slots. */
    readonly tokenIds: Tensor1D;
    readonly numTokens: number;
  };
}

/**
 * Multiplies: rows sorted by expert in, rows out.
 * @example const doubling: ExpertBank = { numExperts: 4, forward: (x) => tf.mul(x, 2) };
 */
export interface ExpertBank {
  readonly numExperts: number;
  /** @param x - `[N, D]` rows sorted by expert. @returns `[N, D]`; rows past `offsets[E]` are zero. */
  forward(x: Tensor2D, plan: DispatchPlan): Tensor2D;
}

/**
 * Moves rows to the experts and back; a transport (expert parallelism) replaces it.
 * @example
 * const dispatcher: Dispatcher = new LocalDispatcher();
 * const plan = dispatcher.plan(routing);
 * const y = dispatcher.combine(experts.forward(dispatcher.dispatch(x, plan), plan), plan);
 */
export interface Dispatcher {
  plan(routing: Routing): DispatchPlan;
  dispatch(x: Tensor2D, plan: DispatchPlan): Tensor2D;
  combine(y: Tensor2D, plan: DispatchPlan): Tensor2D;
}

/**
 * A feed-forward block on tokens, e.g. a shared expert.
 * @example const shared: FeedForward = { forward: (x) => tf.relu(x) };
 */
export interface FeedForward {
  forward(x: Tensor2D): Tensor2D;
}

/**
 * Where a router stands in a model. {@link routerKey} makes one text of it.
 * @example const place: RouterPlace = { layer: 0, part: "attention" };
 */
export interface RouterPlace {
  readonly layer: number;
  /** Which part of the layer it is in, where that is not the feed-forward part: `attention` (JetMoE). */
  readonly part?: string;
}

/**
 * One router's decision in one forward pass.
 * @example const entry: LayerRouting = { layer: 0, routing: router.route(x), context: { training: true } };
 */
export interface LayerRouting extends RouterPlace {
  readonly routing: Routing;
  readonly context: RouteContext;
  /** `[E]` float32 counts over the whole global batch, where the trainer knows them (exact global-batch losses). */
  readonly globalCounts?: Tensor1D;
}

/**
 * What all routers of one forward pass decided, in layer order.
 * @example
 * const trace: RoutingTrace = model.forward(ids).trace;
 * trace.map(({ layer, routing }) => `${layer}: ${routing.kind}`);
 */
export type RoutingTrace = readonly LayerRouting[];

/**
 * One weighted loss value; the trainer adds `coefficient * value`.
 * @example const weighted = (terms: LossTerm[]) => terms.map(({ value, coefficient }) => tf.mul(value, coefficient));
 */
export interface LossTerm {
  readonly name: string;
  /** The layer it belongs to; left out for terms across layers. */
  readonly layer?: number;
  /** As in {@link RouterPlace}. */
  readonly part?: string;
  readonly value: Scalar;
  readonly coefficient: number;
}

/**
 * What a balancing loss averages over.
 * @example const scope: BalancingScope = "global-batch";
 */
export type BalancingScope = "sequence" | "micro-batch" | "global-batch";

/**
 * A balancing loss: a pure function of what the routers returned.
 * @example
 * const confident: BalancingTerm = {
 *   id: "confident",
 *   scope: "micro-batch",
 *   loss: (trace) => trace.map(({ layer, routing }) => ({ name: "confident", layer, value: tf.neg(tf.mean(tf.max(routing.probs, 1))), coefficient: 0.01 })),
 * };
 */
export interface BalancingTerm {
  readonly id: string;
  readonly scope: BalancingScope;
  loss(trace: RoutingTrace): LossTerm[];
}

/**
 * Tokens per expert of one router, summed exactly over one optimiser step.
 * @example const step: LayerCounts[] = [{ layer: 0, counts: Float32Array.of(30, 34) }];
 */
export interface LayerCounts extends RouterPlace {
  /** `[E]`, whole numbers. */
  readonly counts: Float32Array;
}

/**
 * Steers the load without a gradient, e.g. the loss-free bias. Its state is checkpointed.
 * @example const watcher: LoadController = { id: "watcher", afterStep: (counts) => history.push(counts), state: () => ({}) };
 */
export interface LoadController {
  readonly id: string;
  /** Called once after each optimiser step with the counts of that step; never in evaluation. */
  afterStep(counts: readonly LayerCounts[]): void;
  /** Tensors to save with the optimiser state, by name. */
  state(): Record<string, Tensor>;
}

/**
 * One parameter of a method: its default, range and meaning, as data for docs and validation.
 * @example const topK: MethodParameter = { default: 2, range: "1 to E", meaning: "Experts per token." };
 */
export interface MethodParameter {
  readonly default: number | string | boolean;
  readonly range: string;
  readonly meaning: string;
}

/**
 * The facts of a published method, from which the documentation pages are generated.
 * @example const title = (facts: MethodFacts) => `${facts.title} (${facts.source})`;
 */
export interface MethodFacts {
  readonly id: string;
  readonly title: string;
  /** Paper and equation or algorithm. */
  readonly source: string;
  readonly summary: string;
  /** Formula in plain text. */
  readonly formula: string;
  readonly parameters: Readonly<Record<string, MethodParameter>>;
}

/**
 * What a language model's forward pass takes besides token ids.
 * @example const options: ForwardOptions = { context: { training: true, step: 0, seed: 1 } };
 */
export interface ForwardOptions {
  /** Training flag, step, seed, domain ids and overrides; the model fills in `layer`, `positions` and `sequenceIds`. */
  readonly context?: RouteContext;
  /** `[E]` float32 per MoE layer, in trace order: counts of the whole global batch (exact global-batch losses). */
  readonly globalCounts?: readonly Tensor1D[];
}

/**
 * A causal language model that shows its routing: what the trainer, the evaluators and the recorders need.
 * @example const logitsOf = (model: LanguageModel, ids: tf.Tensor2D) => model.forward(ids).logits; // [B, S, V]
 */
export interface LanguageModel {
  /** @param ids - `[B, S]` int32. @returns logits `[B, S, V]` float32 and one trace entry per MoE layer. */
  forward(ids: Tensor2D, options?: ForwardOptions): { logits: Tensor3D; trace: RoutingTrace };
}

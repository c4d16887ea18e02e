import { ConfigError, DataError } from "@moekit/core";
import { checkWholeFromOne } from "./internal/check.js";
import { addInto, checkLength, LayerTotals, restore, type LayerTotalsJson } from "./layer-totals.js";

/**
 * What to record, and how large it is.
 * @example const options: RecorderOptions = { numLayers: 4, numExperts: 16, numDomains: 5 };
 */
export interface RecorderOptions {
  /** MoE layers, in the order of the trace. */
  readonly numLayers: number;
  readonly numExperts: number;
  /** Domain ids are below it; default 0: no domains. */
  readonly numDomains?: number;
  /** Pairs of layers between which tokens are followed; default each layer and the next. */
  readonly layerPairs?: readonly (readonly [number, number])[];
}

/**
 * The decisions of one batch as plain arrays.
 * @example const batch: RoutedTokens = { numTokens: 2, expertIds: [[0, 1, 2, 3]], domainIds: [0, 1] };
 */
export interface RoutedTokens {
  /** T, padding included. */
  readonly numTokens: number;
  /** For each layer `[T * K]`: expert ids, best first, -1 in empty and dropped slots. */
  readonly expertIds: readonly ArrayLike<number>[];
  /** `[T]` 0 for padding, which is left out. Default: all tokens are real. */
  readonly valid?: ArrayLike<number>;
  /** `[T]` */
  readonly domainIds?: ArrayLike<number>;
  /** `[T]`: input ids, or predicted or true next ids; say which in what you show. */
  readonly tokenIds?: ArrayLike<number>;
  /** For each layer `[T * K]`: 1 where a slot was dropped for capacity. */
  readonly dropped?: readonly ArrayLike<number>[];
}

/**
 * How tokens went from the experts of one layer to those of another: `[E * E]`, row = expert of `from`.
 * @example const { topK } = recorder.crossings[0]!;
 */
export interface Crossing {
  readonly from: number;
  readonly to: number;
  /** Tokens with i among their experts in `from` and j in `to`. */
  readonly topK: Float64Array;
  /** The same by best expert only. */
  readonly top1: Float64Array;
}

/**
 * A {@link RoutingRecorder} as plain JSON values.
 * @example const text = JSON.stringify(recorder);
 */
export interface RecorderJson {
  readonly options: Required<RecorderOptions>;
  readonly numTokens: number;
  readonly domainTokens: readonly number[];
  readonly layers: readonly LayerTotalsJson[];
  readonly crossings: readonly { readonly topK: readonly number[]; readonly top1: readonly number[] }[];
}

/**
 * Counts routing decisions in a stream, without keeping them: load, domains, token ids, pairs of experts, ways through the
 * layers. Everything is a sum, so recorders of shards or steps can be merged. Takes plain arrays; the caller reads tensors.
 *
 * @source Muennighoff et al. 2024 (OLMoE), arXiv:2409.02060, section 5, whose metrics follow from these counts.
 * @example
 * const recorder = new RoutingRecorder({ numLayers: 1, numExperts: 4, numDomains: 2 });
 * recorder.add({ numTokens: 2, expertIds: [[0, 1, 2, 3]], domainIds: [0, 1] });
 * recorder.layers[0]!.counts; // [1, 1, 1, 1]
 */
export class RoutingRecorder {
  readonly options: Required<RecorderOptions>;
  /** Real tokens seen. */
  numTokens = 0;
  /** `[numDomains]` real tokens of each domain. */
  readonly domainTokens: Float64Array;
  readonly layers: readonly LayerTotals[];
  readonly crossings: readonly Crossing[];

  /** @throws ConfigError if a number is not whole or too small, or a layer of a pair does not exist. */
  constructor({ numLayers, numExperts, numDomains = 0, layerPairs = eachAndNext(numLayers) }: RecorderOptions) {
    checkWholeFromOne("RoutingRecorder", "numLayers", numLayers);
    checkWholeFromOne("RoutingRecorder", "numExperts", numExperts);
    if (numDomains !== 0) checkWholeFromOne("RoutingRecorder", "numDomains", numDomains);
    const missing = layerPairs.flat().find((layer) => !Number.isInteger(layer) || layer < 0 || layer >= numLayers);
    if (missing !== undefined) throw new ConfigError(`RoutingRecorder: layers of layerPairs must be 0 to ${numLayers - 1}; got ${missing}.`);
    this.options = { numLayers, numExperts, numDomains, layerPairs };
    this.domainTokens = new Float64Array(numDomains);
    this.layers = Array.from({ length: numLayers }, () => new LayerTotals(numExperts, numDomains));
    this.crossings = layerPairs.map(([from, to]) => ({ from, to, topK: new Float64Array(numExperts ** 2), top1: new Float64Array(numExperts ** 2) }));
  }

  /**
   * Adds one batch.
   * @throws DataError if a layer is missing, an array has the wrong length, or an id is out of range; nothing is added then.
   */
  add(batch: RoutedTokens): void {
    this.check(batch);
    const { numTokens, expertIds, valid, domainIds, tokenIds, dropped } = batch;
    for (let t = 0; t < numTokens; t++) {
      if (valid && !valid[t]) continue;
      const chosen = expertIds.map((ids) => expertsOf(ids, t, ids.length / numTokens));
      this.numTokens++;
      if (domainIds) this.domainTokens[domainIds[t]!]!++;
      this.layers.forEach((layer, l) => layer.add(chosen[l]!, { domain: domainIds?.[t], token: tokenIds?.[t], dropped: sumOf(dropped?.[l], t, numTokens) }));
      for (const crossing of this.crossings) cross(crossing, chosen, this.options.numExperts);
    }
  }

  /**
   * Adds all that another recorder of the same options counted.
   * @throws ConfigError if the options differ.
   */
  merge(other: RoutingRecorder): void {
    const [own, others] = [JSON.stringify(this.options), JSON.stringify(other.options)];
    if (own !== others) throw new ConfigError(`RoutingRecorder: only recorders of equal options can be merged; got ${own} and ${others}.`);
    this.numTokens += other.numTokens;
    addInto(this.domainTokens, other.domainTokens);
    this.layers.forEach((layer, l) => layer.merge(other.layers[l]!));
    this.crossings.forEach(({ topK, top1 }, i) => {
      addInto(topK, other.crossings[i]!.topK);
      addInto(top1, other.crossings[i]!.top1);
    });
  }

  /** Called by `JSON.stringify`. */
  toJSON(): RecorderJson {
    return {
      options: this.options,
      numTokens: this.numTokens,
      domainTokens: [...this.domainTokens],
      layers: this.layers.map((layer) => layer.toJSON()),
      crossings: this.crossings.map(({ topK, top1 }) => ({ topK: [...topK], top1: [...top1] })),
    };
  }

  /**
   * The recorder that was written with `JSON.stringify`.
   * @throws DataError if an array has another length than the options say.
   * @example const recorder = RoutingRecorder.fromJson(JSON.parse(text));
   */
  static fromJson(json: RecorderJson): RoutingRecorder {
    const recorder = new RoutingRecorder(json.options);
    checkLength("layers", recorder.layers, json.layers);
    checkLength("crossings", recorder.crossings, json.crossings);
    recorder.numTokens = json.numTokens;
    restore("domainTokens", recorder.domainTokens, json.domainTokens);
    recorder.layers.forEach((layer, l) => layer.load(json.layers[l]!));
    recorder.crossings.forEach(({ topK, top1 }, i) => {
      restore("crossings.topK", topK, json.crossings[i]!.topK);
      restore("crossings.top1", top1, json.crossings[i]!.top1);
    });
    return recorder;
  }

  private check({ numTokens, expertIds, valid, domainIds, tokenIds, dropped }: RoutedTokens): void {
    const { numLayers, numExperts, numDomains } = this.options;
    if (expertIds.length !== numLayers) fail(`expertIds must have one array for each of the ${numLayers} layers`, expertIds.length);
    for (const ids of expertIds) {
      if (numTokens > 0 && ids.length % numTokens !== 0) fail(`expertIds must be [T * K], a multiple of T = ${numTokens}`, ids.length);
      checkIds("expertIds", ids, -1, numExperts - 1);
    }
    for (const [name, values] of Object.entries({ valid, domainIds, tokenIds })) if (values && values.length !== numTokens) fail(`${name} must be [T] = [${numTokens}]`, values.length);
    if (dropped && dropped.length !== numLayers) fail(`dropped must have one array for each of the ${numLayers} layers`, dropped.length);
    if (dropped?.some((mask, l) => mask.length !== expertIds[l]!.length)) fail("dropped must have the lengths of expertIds", dropped.map((mask) => mask.length).join(", "));
    if (domainIds && numDomains === 0) fail("domainIds must be left out where numDomains is 0", `${domainIds.length} of them`);
    if (domainIds) checkIds("domainIds", domainIds, 0, numDomains - 1);
    if (tokenIds) checkIds("tokenIds", tokenIds, 0, Infinity);
  }
}

const eachAndNext = (numLayers: number): [number, number][] => Array.from({ length: Math.max(0, numLayers - 1) }, (_, layer) => [layer, layer + 1]);

function expertsOf(ids: ArrayLike<number>, token: number, slots: number): number[] {
  const experts: number[] = [];
  for (let k = 0; k < slots; k++) if (ids[token * slots + k]! >= 0) experts.push(ids[token * slots + k]!);
  return experts;
}

function sumOf(mask: ArrayLike<number> | undefined, token: number, numTokens: number): number {
  if (!mask) return 0;
  const slots = mask.length / numTokens;
  let sum = 0;
  for (let k = 0; k < slots; k++) sum += mask[token * slots + k]!;
  return sum;
}

function cross({ from, to, topK, top1 }: Crossing, chosen: readonly number[][], numExperts: number): void {
  const [here, there] = [chosen[from]!, chosen[to]!];
  for (const i of here) for (const j of there) topK[i * numExperts + j]!++;
  if (here.length && there.length) top1[here[0]! * numExperts + there[0]!]!++;
}

function checkIds(name: string, ids: ArrayLike<number>, min: number, max: number): void {
  for (let i = 0; i < ids.length; i++) if (!(Number.isInteger(ids[i]) && ids[i]! >= min && ids[i]! <= max)) fail(`${name} must be whole numbers from ${min} to ${max}`, `${ids[i]} at ${i}`);
}

function fail(rule: string, got: number | string): never {
  throw new DataError(`RoutingRecorder: ${rule}; got ${got}.`);
}

import { existsSync, readFileSync } from "node:fs";
import { appendFile, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { isMoekitError, parameters, trainableParameters, type RoutingTrace } from "@moekit/core";
import type { Batch, BatchSource } from "@moekit/data";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { adamw, constant, cosine, evaluate, latestCheckpoint, muon, Trainer, type StepMetrics, type TrainerOptions } from "./index.js";
import { stepSeed } from "./step-seed.js";
import { BACKENDS, useBackend } from "./testing/backends.js";
import { AlternatingTokens, FixedRouting } from "./testing/fixed-routing.js";
import { tinyBalance, TinyController } from "./testing/tiny-balancing.js";
import { TinyData } from "./testing/tiny-data.js";
import { TinyModel } from "./testing/tiny-model.js";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "moekit-train-"));
});
afterEach(async () => {
  tf.disposeVariables();
  await rm(dir, { recursive: true, force: true });
});

const base = (model: TinyModel, more: Partial<TrainerOptions> = {}): TrainerOptions => ({ model, data: new TinyData(), optimizer: adamw(), schedule: constant({ peak: 0.01 }), steps: 5, ...more });

/** The values of all variables. */
const snapshot = (model: object) => Object.fromEntries(Object.entries(parameters(model)).map(([path, x]) => [path, Array.from(x.dataSync())]));

/** The metrics of a whole run. */
async function record(options: TrainerOptions): Promise<StepMetrics[]> {
  const all: StepMetrics[] = [];
  await new Trainer({ ...options, hooks: { ...options.hooks, onStep: (metrics) => void all.push(metrics) } }).run();
  return all;
}

/** The same batches, each cut into pieces of `rows` sequences. */
class Pieces implements BatchSource {
  private queue: Batch[] = [];
  constructor(
    private readonly whole: BatchSource,
    private readonly rows: readonly number[],
  ) {}
  next(): Batch {
    if (this.queue.length === 0) this.queue = this.cut(this.whole.next());
    return this.queue.shift()!;
  }
  state = () => this.whole.state();
  restore = (state: never) => this.whole.restore(state);
  private cut({ inputIds, targetIds, domainIds, sequenceLength: s }: Batch): Batch[] {
    let from = 0;
    return this.rows.map((batchSize) => {
      const [begin, end] = [from, (from += batchSize)];
      return { inputIds: inputIds.slice(begin * s, end * s), targetIds: targetIds.slice(begin * s, end * s), domainIds: domainIds.slice(begin, end), batchSize, sequenceLength: s };
    });
  }
}

describe.each(BACKENDS)("on %s", (backend) => {
  beforeEach(() => useBackend(backend));

  it.each([
    ["adamw", () => adamw()],
    ["muon", () => muon({ scaling: "moonlight" })],
  ] as const)("a run with %s learns", async (_name, optimizer) => {
    const metrics = await record(base(new TinyModel(), { optimizer: optimizer(), schedule: cosine({ peak: 0.03, steps: 60, warmup: 5 }), steps: 60 }));
    // ln 11 = 2.40 at random; the sequences count by 1 or 3 with one exception in five.
    expect(metrics[0]!.lmLoss).toBeGreaterThan(2.3);
    expect(metrics.at(-1)!.lmLoss).toBeLessThan(1.8);
  });

  it("four micro-batches equal one large batch, with unequal sizes and ignored targets", async () => {
    const runs = await Promise.all(
      [undefined, [1, 3, 2, 2]].map(async (rows) => {
        const model = new TinyModel();
        const data = new TinyData(8, 6, 5);
        const metrics = await record(base(model, { data: rows ? new Pieces(data, rows) : data, accumulate: rows?.length ?? 1, steps: 3, balancing: [tinyBalance("global-batch", [0.1, 0.2])] }));
        return { metrics, parameters: snapshot(model) };
      }),
    );
    const [large, pieces] = runs as [(typeof runs)[0], (typeof runs)[0]];
    large.metrics.forEach((want, i) => {
      const got = pieces.metrics[i]!;
      expect(got.tokens).toBe(want.tokens);
      expect(Math.abs(got.loss - want.loss)).toBeLessThan(1e-5);
      expect(Math.abs(got.gradNorm - want.gradNorm)).toBeLessThan(1e-5);
      got.terms.forEach(({ value }, t) => expect(Math.abs(value - want.terms[t]!.value)).toBeLessThan(1e-5));
      expect(got.layers).toEqual(want.layers);
    });
    for (const [path, values] of Object.entries(large.parameters)) values.forEach((value, i) => expect(Math.abs(value - pieces.parameters[path]![i]!)).toBeLessThan(1e-4));
  });

  it("a micro-batch balancing loss keeps the scope it states: no counting pass, another value", async () => {
    const value = async (scope: "micro-batch" | "global-batch") => {
      let forwards = 0;
      const model = new TinyModel();
      const forward = model.forward.bind(model);
      model.forward = (...input) => (forwards++, forward(...input));
      const [metrics] = await record(base(model, { accumulate: 4, data: new TinyData(1, 6), steps: 1, balancing: [tinyBalance(scope, [1, 1])] }));
      return { value: metrics!.terms[0]!.value, forwards };
    };
    const [micro, global] = [await value("micro-batch"), await value("global-batch")];
    expect([micro.forwards, global.forwards]).toEqual([4, 8]);
    // sum_j f^j P^j against fbar Pbar: single sequences are less even than their union.
    expect(micro.value).toBeGreaterThan(global.value);
  });

  it.each([
    // f = (1, 0) and (0, 1), P = (.9, .1) and (.1, .9): each micro-batch alone gives 2 * .9; together f = P = (.5, .5).
    [[4, 4], 1.8, 1],
    // 3 + 5 tokens: f = (3/8, 5/8), P = (3 * .9 + 5 * .1) / 8 = .4 and .6; 2 (.375 * .4 + .625 * .6) = 1.05.
    [[3, 5], 1.8, 1.05],
  ] as const)("two groups of %j tokens that use one expert each have micro loss %d and global loss %d", async (sizes, micro, global) => {
    for (const [scope, want] of [["micro-batch", micro], ["global-batch", global]] as const) {
      const [metrics] = await record({ ...base(new TinyModel()), model: new FixedRouting(), data: new AlternatingTokens(sizes), accumulate: 2, steps: 1, balancing: [tinyBalance(scope, [0.1])] });
      expect(metrics!.terms[0]!.value).toBeCloseTo(want, 6);
    }
  });

  it("the counting pass sees the routing of the pass that follows, noise included", async () => {
    const model = new TinyModel({ noise: 1 });
    const controller = new TinyController(model);
    const given: number[][] = [];
    const term = tinyBalance("global-batch", [0.1, 0.1]);
    const loss = (trace: RoutingTrace) => (given.push(trace.flatMap(({ globalCounts }) => Array.from(globalCounts!.dataSync()))), term.loss(trace));
    await record(base(model, { accumulate: 2, steps: 2, balancing: [{ ...term, loss }], controllers: [controller] }));
    const counted = controller.calls.map((layers) => layers.flatMap(({ counts }) => Array.from(counts)));
    expect(given).toEqual([counted[0], counted[0], counted[1], counted[1]]);
  });

  it("the total loss weighs each layer's term by its own coefficient", async () => {
    const [metrics] = await record(base(new TinyModel(), { steps: 1, balancing: [tinyBalance("micro-batch", [0.5, 0.25])] }));
    const { loss, lmLoss, terms } = metrics!;
    expect(terms.map(({ layer, coefficient }) => [layer, coefficient])).toEqual([[0, 0.5], [1, 0.25]]);
    expect(loss).toBeCloseTo(lmLoss + 0.5 * terms[0]!.value + 0.25 * terms[1]!.value, 6);
  });

  it("controllers get the exact counts of the step once, and nothing in evaluation", async () => {
    const model = new TinyModel();
    const controller = new TinyController(model);
    const seen: number[][] = [];
    const onMicroStep = ({ trace }: { trace: RoutingTrace }) => seen.push(hostCounts(trace));
    const windows = [{ domain: "all", batches: [new TinyData().next()], bytes: 24 }];
    await new Trainer(base(model, { accumulate: 3, steps: 2, controllers: [controller], evaluate: { every: 1, windows }, balancing: [tinyBalance("global-batch", [0.1, 0.1])], hooks: { onMicroStep } })).run();
    expect(seen).toHaveLength(6);
    expect(controller.calls).toHaveLength(2);
    controller.calls.forEach((layers, step) => {
      const sum = seen.slice(3 * step, 3 * step + 3).reduce((a, b) => a.map((x, i) => x + b[i]!));
      expect(layers.flatMap(({ counts }) => Array.from(counts))).toEqual(sum);
      // 3 micro-batches x 24 tokens x 2 slots.
      for (const { counts } of layers) expect(counts.reduce((a, b) => a + b)).toBe(144);
    });
  });

  it("evaluation leaves parameters, biases, data and the following losses as they are", async () => {
    const windows = [{ domain: "even", batches: [new TinyData(4, 6).next()], bytes: 48 }];
    const run = (evaluate: TrainerOptions["evaluate"]) => {
      const model = new TinyModel({ noise: 0.5 });
      return record(base(model, { controllers: [new TinyController(model)], evaluate }));
    };
    const [without, withEvaluation] = [await run(undefined), await run({ every: 1, windows })];
    expect(withEvaluation.map(({ loss }) => loss)).toEqual(without.map(({ loss }) => loss));
  });

  it("reports nats and bits per byte of each domain, and repeats them exactly", async () => {
    const model = new TinyModel({ noise: 0.5 });
    const sets = [{ domain: "a", batches: [new TinyData(2, 6).next()], bytes: 24 }, { domain: "b", batches: [new TinyData(4, 6, 3).next()], bytes: 10 }];
    const before = tf.memory().numTensors;
    const [first, second] = [await evaluate(model, sets), await evaluate(model, sets)];
    expect(second).toEqual(first);
    expect(tf.memory().numTensors).toBe(before);
    const [a, b] = [first.domains.a!, first.domains.b!];
    // 12 targets for 24 bytes: bits per byte = nats * 12 / (24 ln 2).
    expect(a.bitsPerByte).toBeCloseTo((a.nats * 12) / (24 * Math.LN2), 12);
    expect([a.tokens, b.tokens]).toEqual([12, 16]);
    expect(first.mean.nats).toBeCloseTo((a.nats * 12 + b.nats * 16) / 28, 12);
    expect(first.mean.bytes).toBe(34);
  });

  it("clips to the global norm after accumulation and logs the norm before", async () => {
    const clipNorm = 1e-3;
    const run = async (clip: number) => {
      const model = new TinyModel();
      const before = snapshot(model);
      // Plain momentum-free steps would show the clipped gradient; Adam's first step is lr g / (|g| + eps) with a large eps.
      const [metrics] = await record(base(model, { optimizer: adamw({ eps: 1e3, weightDecay: 0 }), schedule: constant({ peak: 1e3 }), steps: 1, clipNorm: clip }));
      const moved = Object.entries(snapshot(model)).flatMap(([path, values]) => values.map((value, i) => value - before[path]![i]!));
      return { gradNorm: metrics!.gradNorm, moved: Math.sqrt(moved.reduce((a, b) => a + b * b, 0)) };
    };
    const [free, clipped] = [await run(Infinity), await run(clipNorm)];
    expect(clipped.gradNorm).toBe(free.gradNorm);
    expect(free.moved).toBeCloseTo(free.gradNorm, 2);
    expect(clipped.moved / clipNorm).toBeCloseTo(1, 2);
  });

  it("holds no more tensors after five steps than after one", async () => {
    const model = new TinyModel();
    const counts: number[] = [];
    await new Trainer(base(model, { accumulate: 2, optimizer: muon(), controllers: [new TinyController(model)], balancing: [tinyBalance("global-batch", [0.1, 0.1])], hooks: { onStep: () => void counts.push(tf.memory().numTensors) } })).run();
    expect(new Set(counts).size).toBe(1);
  });

  describe("resume", () => {
    it.each([
      ["adamw", () => adamw()],
      ["muon", () => muon()],
    ] as const)("with %s, accumulation, noise and a loss-free controller gives the losses of an uninterrupted run, bit for bit", async (_name, optimizer) => {
      const options = (): TrainerOptions => {
        const model = new TinyModel({ noise: 0.3 });
        const schedule = cosine({ peak: 0.02, steps: 8, warmup: 2 });
        return { model, data: new TinyData(2, 6), optimizer: optimizer(), schedule, steps: 8, accumulate: 2, seed: 7, controllers: [new TinyController(model)], balancing: [tinyBalance("global-batch", [0.1, 0.05])] };
      };
      const whole = options();
      const uninterrupted = await record(whole);
      await new Trainer({ ...options(), steps: 5, checkpoint: { dir, every: 3, keep: 5 } }).run();
      const again = options();
      const resumed: StepMetrics[] = [];
      const trainer = new Trainer({ ...again, hooks: { onStep: (metrics) => void resumed.push(metrics) } });
      expect(await trainer.resume(join(dir, "step-000003"))).toBe(3);
      await trainer.run();
      const numbers = ({ step, loss, gradNorm, layers }: StepMetrics) => ({ step, loss, gradNorm, layers });
      expect(resumed.map(numbers)).toEqual(uninterrupted.slice(3).map(numbers));
      expect(snapshot(again.model)).toEqual(snapshot(whole.model));
    });
  });
});

describe("the run's files", () => {
  beforeEach(() => useBackend("cpu"));
  const metricsFile = () => join(dir, "run", "metrics.jsonl");
  const lines = () => readFileSync(metricsFile(), "utf8").trim().split("\n").map((line) => JSON.parse(line) as { kind: string; step: number });

  it("hold one line per step and evaluation, cut back to the checkpoint on resume", async () => {
    const windows = [{ domain: "all", batches: [new TinyData().next()], bytes: 24 }];
    const options = (steps: number) => base(new TinyModel(), { steps, metricsFile: metricsFile(), checkpoint: { dir: join(dir, "checkpoints"), every: 2, keep: 9 }, evaluate: { every: 2, windows } });
    await new Trainer(options(5)).run();
    const before = lines();
    expect(before.map(({ kind, step }) => `${kind} ${step}`)).toEqual(["step 1", "step 2", "eval 2", "step 3", "step 4", "eval 4", "step 5", "eval 5"]);
    await appendFile(metricsFile(), '{"kind":"step","step":6,"lo');
    const trainer = new Trainer(options(3));
    await trainer.resume(join(dir, "checkpoints", "step-000002"));
    await trainer.run();
    expect(lines().map(({ kind, step }) => `${kind} ${step}`)).toEqual(["step 1", "step 2", "eval 2", "step 3", "eval 3"]);
    expect((await readdir(join(dir, "checkpoints"))).sort()).toEqual(["step-000002", "step-000003"]);
  });

  it("are not mixed with those of another run", async () => {
    const options = () => base(new TinyModel(), { steps: 1, checkpoint: { dir, every: 1 } });
    await new Trainer(options()).run();
    await expect(new Trainer(options()).run()).rejects.toThrow(/already holds 1 checkpoints\. Resume from one of them/);
  });

  it("are refused by a run with another seed, optimiser or model", async () => {
    await new Trainer(base(new TinyModel(), { steps: 1, checkpoint: { dir, every: 1 } })).run();
    const path = await latestCheckpoint(dir);
    await expect(new Trainer(base(new TinyModel(), { seed: 3 })).resume(path)).rejects.toThrow(/was written with seed 0; this run uses 3/);
    await expect(new Trainer(base(new TinyModel(), { optimizer: muon() })).resume(path)).rejects.toThrow(/optimiser "adamw"; this run uses "muon"/);
    const model = Object.assign(new TinyModel(), { extra: tf.variable(tf.zeros([1])) });
    const data = new TinyData();
    await expect(new Trainer(base(model, { data })).resume(path)).rejects.toThrow(/model\.safetensors does not fit this run\. Missing: extra\./);
    expect(data.state()).toEqual({ position: 0 });
  });

  it("include a checkpoint when the signal stops the run after the current step", async () => {
    const controller = new AbortController();
    const saved: number[] = [];
    const trainer = new Trainer(
      base(new TinyModel(), { signal: controller.signal, checkpoint: { dir, every: 100 }, hooks: { onStep: ({ step }) => void (step === 2 && controller.abort()), onCheckpoint: ({ step }) => void saved.push(step) } }),
    );
    expect(await trainer.run()).toEqual({ step: 2, stopped: "aborted", checkpoint: join(dir, "step-000002") });
    expect(saved).toEqual([2]);
    expect(existsSync(join(dir, "step-000002", "manifest.json"))).toBe(true);
  });
});

describe("numbers that are not finite", () => {
  beforeEach(() => useBackend("cpu"));

  /** Poisons the head's gradient from some forward pass on, by a log of zero. */
  function poisoned(from: number): TinyModel {
    const model = new TinyModel();
    const forward = model.forward.bind(model);
    let calls = 0;
    model.forward = (ids, options) => {
      const { logits, trace } = forward(ids, options);
      return calls++ < from ? { logits, trace } : { logits: tf.mul(logits, NaN), trace };
    };
    return model;
  }

  it("stop the run with the tensors' names and the last checkpoint, and leave the last good parameters and no tensor", async () => {
    const model = poisoned(2);
    let good = {};
    let tensors = 0;
    const trainer = new Trainer(base(model, { checkpoint: { dir, every: 1 }, hooks: { onStep: () => void ((good = snapshot(model)), (tensors = tf.memory().numTensors)) } }));
    const error = await trainer.run().catch((thrown: unknown) => thrown);
    expect(isMoekitError(error, "non-finite")).toBe(true);
    expect((error as Error).message).toMatch(/step 3 is not finite: the language-model loss \(NaN\), the gradient of embedding \(NaN\)/);
    expect((error as Error).message).toContain(`The last good checkpoint is ${join(dir, "step-000002")}`);
    expect(snapshot(model)).toEqual(good);
    expect(tf.memory().numTensors).toBe(tensors);
  });

  it("name the parameter when that is where they come from", async () => {
    const model = new TinyModel();
    model.layers[1]!.experts.down.assign(tf.fill(model.layers[1]!.experts.down.shape, Infinity));
    await expect(new Trainer(base(model)).run()).rejects.toThrow(/step 1 is not finite: parameter layers\.1\.experts\.down\. The parameters are those of step 0\. There is no checkpoint yet/);
  });

  it("never get into a checkpoint: an update that overflows stops the run before it is saved", async () => {
    const options = base(new TinyModel(), { schedule: (step) => (step === 3 ? 1e39 : 0.01), steps: 4, checkpoint: { dir, every: 2 } });
    // Steps 1 to 4 have finite losses and gradients; the rate of the fourth is Infinity in float32.
    await expect(new Trainer(options).run()).rejects.toThrow(/the update of step 4 is not finite: parameter .*Nothing was saved\. The last good checkpoint is .*step-000002/);
    expect(await readdir(dir)).toEqual(["step-000002"]);
  });

  it("include a learning rate that a schedule gets wrong", async () => {
    await expect(new Trainer(base(new TinyModel(), { schedule: () => NaN })).run()).rejects.toThrow(/the learning rate \(NaN\)/);
  });
});

describe("wrong settings", () => {
  beforeEach(() => useBackend("cpu"));

  it.each([
    [{ steps: 0 }, /Trainer: steps must be a whole number of at least 1; got 0/],
    [{ accumulate: 1.5 }, /Trainer: accumulate must be a whole number of at least 1; got 1\.5/],
    [{ clipNorm: 0 }, /Trainer: clipNorm must be a number of at least/],
    [{ checkpoint: { dir: "x", every: 0 } }, /checkpoint\.every must be a whole number/],
  ] as const)("%j are refused by name", (more, message) => expect(() => new Trainer(base(new TinyModel(), more))).toThrow(message));

  it("a model without variables is refused", () => {
    expect(() => new Trainer({ ...base(new TinyModel()), model: { forward: () => ({ logits: tf.zeros([1, 1, 1]), trace: [] }) } })).toThrow(/no trainable variable/);
  });

  it("a step without any target is refused", async () => {
    const data = new TinyData();
    const blank: BatchSource = { ...data, next: () => ({ ...data.next(), targetIds: new Int32Array(24).fill(-1) }), state: () => ({}), restore: () => {} };
    await expect(new Trainer(base(new TinyModel(), { data: blank })).run()).rejects.toThrow(/step 1 have no target/);
  });

  it("no seed of a forward pass is 0, which tfjs takes for no seed, and all differ", () => {
    const seeds = [0, 1, 7].flatMap((seed) => [0, 1, 2, 3].flatMap((step) => [0, 1, 2].map((micro) => stepSeed(seed, step, micro))));
    expect(seeds).not.toContain(0);
    expect(new Set(seeds).size).toBe(36);
  });

  it("trainable parameters of the tiny model do not include the bias", () => {
    expect(Object.keys(trainableParameters(new TinyModel())).some((path) => path.includes("expertBias"))).toBe(false);
  });
});

function hostCounts(trace: RoutingTrace): number[] {
  return trace.flatMap(({ routing }) => {
    const counts = new Array<number>(routing.numExperts).fill(0);
    if (routing.kind === "token-choice") for (const id of routing.expertIds.dataSync()) counts[id]!++;
    return counts;
  });
}

/** What all benchmarks share: options, results, timing, and the choice of backends. */
import { backendNames, type BackendName, selectBackend } from "@moekit/backend";

export interface Options {
  /** Timed runs of each case; the result is their median. */
  readonly runs: number;
  /** Backends to measure; left out: all that start here, WebGPU only where it is named. */
  readonly backends?: readonly string[];
  /** A named size, where the benchmark has several. */
  readonly size?: string;
  /** Only cases whose name contains this. */
  readonly only?: string;
}

export interface Timing {
  /** Median milliseconds of one call. */
  readonly ms: number;
  /** Fastest and slowest run. */
  readonly spread: readonly [number, number];
}

export interface Measured extends Timing {
  readonly name: string;
  /** What else is known, e.g. rates with their unit in the name and the error found before timing. */
  readonly facts: Readonly<Record<string, number>>;
}

export interface Result extends Measured {
  readonly backend: BackendName;
}

export interface Outcome {
  readonly results: readonly Result[];
  readonly skipped: readonly { readonly backend: string; readonly reason: string }[];
}

/** Measures on each backend that can be started; the others are listed with the reason. */
export async function onBackends(options: Options, measure: () => Promise<readonly Measured[]>, report: (result: Result) => void): Promise<Outcome> {
  const results: Result[] = [];
  const skipped: Outcome["skipped"][number][] = [];
  for (const backend of options.backends ?? backendNames.filter((name) => name !== "webgpu")) {
    const reason = await selectBackend(backend as BackendName).then(() => undefined, (error: Error) => error.message);
    if (reason) skipped.push({ backend, reason });
    else for (const measured of await measure()) report(results[results.push({ backend: backend as BackendName, ...measured }) - 1]!);
  }
  return { results, skipped };
}

/** A run is at least this long, so that the clock and one read-back do not count. */
const RUN_MS = 60;

/**
 * Times a function: calls it until it is warm, then `runs` times as often as fits into {@link RUN_MS}.
 * @param call - Starts the work.
 * @param finish - Waits until all work started so far is done.
 */
export async function time(runs: number, call: () => void, finish: () => Promise<unknown>): Promise<Timing> {
  const run = async (calls: number) => {
    const started = performance.now();
    for (let i = 0; i < calls; i++) call();
    await finish();
    return (performance.now() - started) / calls;
  };
  await run(1);
  const calls = Math.max(1, Math.ceil(RUN_MS / (await run(2))));
  const times: number[] = [];
  for (let i = 0; i < runs; i++) times.push(await run(calls));
  return summary(times);
}

/** Median and range. */
export function summary(times: readonly number[]): Timing {
  const sorted = [...times].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const ms = sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { ms, spread: [sorted[0]!, sorted.at(-1)!] };
}

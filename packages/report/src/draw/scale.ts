/** Maps data to pixels. */
export interface Scale {
  (value: number): number;
  /** Round values inside the domain, for axis labels. */
  readonly ticks: readonly number[];
}

type Interval = readonly [number, number];

/** A linear scale whose ticks are multiples of 1, 2 or 5 times a power of ten; an empty domain maps to the middle. */
export function linearScale([low, high]: Interval, [from, to]: Interval, ticks = 5): Scale {
  const scale = (value: number) => (high === low ? (from + to) / 2 : from + ((value - low) / (high - low)) * (to - from));
  return Object.assign(scale, { ticks: linearTicks(low, high, ticks) });
}

/** A logarithmic scale of a positive domain. Values below the domain are drawn at its lower end. */
export function logScale([low, high]: Interval, range: Interval): Scale {
  const inner = linearScale([Math.log(low), Math.log(high)], range);
  return Object.assign((value: number) => inner(Math.log(Math.max(value, low))), { ticks: logTicks(low, high) });
}

/** The smallest and largest finite value; `fallback` where there is none. */
export function extent(values: Iterable<number>, fallback: Interval = [0, 1]): [number, number] {
  const finite = [...values].filter(Number.isFinite);
  if (finite.length === 0) return [...fallback];
  return finite.reduce<[number, number]>(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
}

function linearTicks(low: number, high: number, count: number): number[] {
  if (high === low) return [low];
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5, 10].find((m) => m * power >= raw * (1 - 1e-9)) ?? 10);
  const [first, last] = [Math.ceil(low / step - 1e-9), Math.floor(high / step + 1e-9)];
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** Powers of ten, with 2 and 5 between them in short domains; linear ticks where that leaves fewer than three. */
function logTicks(low: number, high: number): number[] {
  const multiples = Math.log10(high / low) > 2.5 ? [1] : [1, 2, 5];
  const powers = Array.from({ length: Math.ceil(Math.log10(high / low)) + 2 }, (_, i) => Math.floor(Math.log10(low)) + i);
  const ticks = powers.flatMap((power) => multiples.map((m) => Number((m * 10 ** power).toPrecision(12)))).filter((tick) => tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9));
  return ticks.length < 3 ? linearTicks(low, high, 5) : ticks;
}

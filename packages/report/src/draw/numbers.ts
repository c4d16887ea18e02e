/** How numbers are written: the fewest digits that say what the reader needs. */

const UNITS: readonly (readonly [number, string])[] = [
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
];

/** Three significant digits without trailing zeros, as in tooltips. */
export function significant(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return "no value";
  const rounded = Number(value.toPrecision(digits));
  return Math.abs(rounded) >= 1e5 ? compact(rounded) : String(rounded);
}

/** Exactly so many significant digits, as in columns: 46.4 is `46.40` with four. */
export function precise(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return "no value";
  if (Math.abs(value) >= 10 ** digits) return Math.round(value).toLocaleString("en");
  return value === 0 ? "0" : value.toFixed(Math.max(0, digits - 1 - Math.floor(Math.log10(Math.abs(value)))));
}

/** Large numbers with a unit: 1234567 is `1.23 M`. */
export function compact(value: number): string {
  if (!Number.isFinite(value)) return "no value";
  const [size, unit] = UNITS.find(([limit]) => Math.abs(value) >= limit * 0.9995) ?? [1, ""];
  return `${Number((value / size).toPrecision(3))}${unit && ` ${unit}`}`;
}

/** The text of an axis tick: 10000 is `10k`. */
export function tickText(value: number): string {
  if (Math.abs(value) >= 10_000) return compact(value).replace(" ", "");
  return String(Number(value.toPrecision(6)));
}

/** With a fixed number of decimals. */
export const fixed = (value: number, decimals: number): string => (Number.isFinite(value) ? value.toFixed(decimals) : "no value");

/** A share of 0 to 1 in percent. */
export const percent = (share: number, decimals = 0): string => (Number.isFinite(share) ? `${(share * 100).toFixed(decimals)} %` : "no value");

/** Seconds as people say them: `4 min 12 s`. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${significant(seconds, 2)} s`;
  const [hours, minutes] = [Math.floor(Math.round(seconds) / 3600), Math.floor((Math.round(seconds) % 3600) / 60)];
  return hours ? `${hours} h ${minutes} min` : `${minutes} min ${Math.round(seconds) % 60} s`;
}

/** `a`, `a and b`, `a, b and c`. */
export const listed = (names: readonly string[]): string => (names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)!}`);

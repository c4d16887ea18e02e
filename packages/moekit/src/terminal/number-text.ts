const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const UNITS = ["", " k", " M", " G", " T"];

/** `1234567` as `1,234,567`. */
export const grouped = (value: number): string => whole.format(value);

/** `1234567` as `1.23 M`. */
export function short(value: number): string {
  const power = value < 1000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(value) / 3));
  return power === 0 ? grouped(value) : `${(value / 1000 ** power).toPrecision(3)}${UNITS[power]}`;
}

/** `75` as `1 min 15 s`. */
export function duration(seconds: number): string {
  const rounded = Math.round(seconds);
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  return rounded < 60 ? `${rounded} s` : `${Math.floor(rounded / 60)} min ${rounded % 60} s`;
}

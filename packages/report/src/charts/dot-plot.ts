import { DataError } from "@moekit/core";
import { element, label, tooltip } from "../draw/markup.js";
import { precise, significant, tickText } from "../draw/numbers.js";
import { seriesColor } from "../draw/palette.js";
import { emptyPicture, heading, picture, roomForNames, rowName, textWidth } from "../draw/picture.js";
import { extent, linearScale, type Scale } from "../draw/scale.js";

/**
 * One value per row.
 * @example const series: DotSeries = { name: "this model", values: [2.1, 1.8], emphasised: true };
 */
export interface DotSeries {
  readonly name: string;
  /** One per row; NaN where there is none. */
  readonly values: readonly number[];
  /** Filled, larger, and with its value written beside it. */
  readonly emphasised?: boolean;
}

/**
 * What a dot plot shows besides its series.
 * @example const options: DotPlotOptions = { title: "Held-out text", rows: ["novel", "code"], xLabel: "bits per byte" };
 */
export interface DotPlotOptions {
  readonly title: string;
  readonly rows: readonly string[];
  readonly xLabel: string;
  /** The axis starts at 0, for quantities whose ratio matters. */
  readonly fromZero?: boolean;
  /** In pixels; default 560. */
  readonly width?: number;
}

const ROW = 34;
const SHAPES = ["circle", "square", "diamond", "triangle"] as const;

/**
 * Compares series row by row on one axis, such as a model with its baselines by domain. Series differ in shape and colour.
 *
 * @returns SVG.
 * @throws DataError if a series does not have one value per row.
 * @example dotPlot([{ name: "this model", values: [2.1], emphasised: true }], { title: "Held-out text", rows: ["novel"], xLabel: "bits per byte" });
 */
export function dotPlot(series: readonly DotSeries[], { title, rows, xLabel, fromZero, width = 560 }: DotPlotOptions): string {
  const wrong = series.find(({ values }) => values.length !== rows.length);
  if (wrong) throw new DataError(`dotPlot: each series must have one value for each of the ${rows.length} rows; got ${wrong.values.length} in "${wrong.name}".`);
  const values = series.flatMap((s) => s.values).filter(Number.isFinite);
  if (values.length === 0) return emptyPicture(width, title);
  const [left, right] = [roomForNames(rows, width), width - 16];
  const legend = legendOf(series, width);
  const [low, high] = extent(fromZero ? [0, ...values] : values);
  const pad = (high - low || Math.abs(high) || 1) * 0.06;
  const x = linearScale([fromZero ? Math.min(0, low) : low - pad, high + pad], [left, right], width > 450 ? 6 : 4);
  const top = legend.bottom + 14;
  const bottom = top + rows.length * ROW;
  const body = [heading(title), ...legend.marks, ...gridLines(x, top, bottom), ...rows.flatMap((name, r) => row(name, r, series, x, left, right, top + (r + 0.5) * ROW))];
  return picture(width, bottom + 38, title, [...body, label(xLabel, { x: (left + right) / 2, y: bottom + 33, class: "axis", "text-anchor": "middle" })], { "data-rows": rows.length });
}

/** Names with their marks, wrapped into as many lines as they need. */
function legendOf(series: readonly DotSeries[], width: number): { marks: string[]; bottom: number } {
  let [x, y] = [6, 34];
  const marks = series.map((s, i) => {
    const needed = textWidth(s.name) + 30;
    if (x + needed > width && x > 6) [x, y] = [6, y + 18];
    const entry = mark(x, y - 4, i, s, "") + label(s.name, { x: x + 11, y, class: "tick" });
    x += needed;
    return entry;
  });
  return { marks, bottom: y };
}

function gridLines(x: Scale, top: number, bottom: number): string[] {
  return x.ticks.map((tick) => element("line", { x1: x(tick), x2: x(tick), y1: top, y2: bottom, class: "grid" }) + label(tickText(tick), { x: x(tick), y: bottom + 16, class: "tick", "text-anchor": "middle" }));
}

function row(name: string, r: number, series: readonly DotSeries[], x: Scale, left: number, right: number, y: number): string[] {
  const base = element("line", { x1: left, x2: right, y1: y, y2: y, class: "grid" });
  const marks = series.flatMap((s, i) => (Number.isFinite(s.values[r]) ? [mark(x(s.values[r]!), y, i, s, `${name}, ${s.name}: ${significant(s.values[r]!, 4)}`)] : []));
  const written = series.flatMap((s) => (s.emphasised && Number.isFinite(s.values[r]) ? [label(precise(s.values[r]!, 3), { x: x(s.values[r]!), y: y - 9, class: "end halo", "text-anchor": "middle" })] : []));
  // The emphasised mark comes last, on top of the others.
  return [rowName(name, left - 8, y + 4), base, ...marks.reverse(), ...written];
}

function mark(x: number, y: number, series: number, { emphasised }: DotSeries, tip: string): string {
  const { class: colorClass, color } = seriesColor(series);
  const style = { class: `${emphasised ? "mark full" : "mark"} ${colorClass}`, stroke: color, fill: emphasised ? color : "none" };
  return element("path", { d: shape(SHAPES[series % SHAPES.length]!, x, y, emphasised ? 5.5 : 4.2), ...style }, tip && tooltip(tip));
}

function shape(kind: (typeof SHAPES)[number], x: number, y: number, r: number): string {
  const at = (dx: number, dy: number) => `${Math.round((x + dx) * 10) / 10} ${Math.round((y + dy) * 10) / 10}`;
  if (kind === "circle") return `M${at(-r, 0)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`;
  if (kind === "square") return `M${at(-r, -r)}L${at(r, -r)}L${at(r, r)}L${at(-r, r)}z`;
  if (kind === "diamond") return `M${at(0, -r * 1.3)}L${at(r * 1.3, 0)}L${at(0, r * 1.3)}L${at(-r * 1.3, 0)}z`;
  return `M${at(0, -r * 1.2)}L${at(r * 1.2, r)}L${at(-r * 1.2, r)}z`;
}

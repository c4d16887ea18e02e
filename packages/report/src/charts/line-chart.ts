import { element, escapeText, label, tooltip } from "../draw/markup.js";
import { significant, tickText } from "../draw/numbers.js";
import { seriesColor } from "../draw/palette.js";
import { emptyPicture, fitted, heading, picture, textWidth } from "../draw/picture.js";
import { extent, linearScale, logScale, type Scale } from "../draw/scale.js";

/**
 * A point of a curve: x and y.
 * @example const point: Point = [100, 3.2];
 */
export type Point = readonly [x: number, y: number];

/**
 * One curve.
 * @example const line: Line = { name: "novel", points: [[0, 300], [100, 40]] };
 */
export interface Line {
  readonly name: string;
  /** By ascending x. A point that is not finite leaves a gap. */
  readonly points: readonly Point[];
  /** Index of its colour; default its place among the lines. */
  readonly series?: number;
  /** Thin, pale and without a name, for raw values under a smoothed curve. */
  readonly faint?: boolean;
}

/**
 * What a line chart shows besides its curves.
 * @example const options: LineChartOptions = { title: "Loss", xLabel: "step", yLabel: "nats per token" };
 */
export interface LineChartOptions {
  readonly title: string;
  readonly xLabel: string;
  /** The unit, shown beside the title. */
  readonly yLabel: string;
  /** Logarithmic y; values at or below 0 leave gaps. */
  readonly logY?: boolean;
  /** Dashed horizontal lines, such as a chance level. */
  readonly references?: readonly { readonly name: string; readonly value: number }[];
  /** In pixels; default 560. */
  readonly width?: number;
}

/** Where the data lies, in pixels. */
interface Frame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Lines with this many points or fewer show each of them, with its value as tooltip. */
const DOTTED = 40;

/**
 * Curves over a common axis, each with its name at its end. No finite point at all gives a picture that says "no data".
 *
 * @returns SVG.
 * @example lineChart([{ name: "train", points: [[0, 5.5], [100, 3.2]] }], { title: "Loss", xLabel: "step", yLabel: "nats per token" });
 */
export function lineChart(lines: readonly Line[], options: LineChartOptions): string {
  const { title, width = 560, references = [] } = options;
  const drawn = lines.map((line, i) => ({ ...line, series: line.series ?? i, points: line.points.map(([x, y]): Point => [x, usable(y, options.logY) ? y : NaN]) }));
  const points = drawn.flatMap((line) => line.points).filter(([, y]) => Number.isFinite(y));
  if (points.length === 0) return emptyPicture(width, title);
  const frame = frameOf(drawn, width);
  const x = linearScale(extent(points.map(([px]) => px)), [frame.left, frame.right], width > 450 ? 6 : 5);
  const yDomain = padded(extent([...points.map(([, py]) => py), ...references.map(({ value }) => value)]), options.logY);
  const y = (options.logY ? logScale : linearScale)(yDomain, [frame.bottom, frame.top]);
  return picture(width, frame.bottom + 36, title, [
    heading(title, options.yLabel),
    ...axes(x, y, frame, options.xLabel),
    ...references.map((reference) => referenceLine(reference, y, frame)),
    ...drawn.map((line) => curve(line, x, y)),
    ...endLabels(drawn, y, frame, width),
  ]);
}

const usable = (y: number, log = false): boolean => Number.isFinite(y) && (!log || y > 0);

function frameOf(lines: readonly Line[], width: number): Frame {
  const names = lines.filter((line) => !line.faint && lines.length > 1).map((line) => textWidth(line.name) + 18);
  return { left: 40, right: width - Math.min(width / 3, Math.max(14, ...names)), top: 30, bottom: width > 450 ? 244 : 210 };
}

function padded([low, high]: readonly [number, number], log = false): [number, number] {
  if (log) return [low / (high / low || 1) ** 0.04 / (low === high ? 1.2 : 1), high * (high / low) ** 0.04 * (low === high ? 1.2 : 1)];
  const pad = (high - low || Math.abs(high) || 1) * 0.05;
  return [low - pad, high + pad];
}

function axes(x: Scale, y: Scale, { left, right, bottom }: Frame, xLabel: string): string[] {
  const horizontal = y.ticks.map((tick) => element("line", { x1: left, x2: right, y1: y(tick), y2: y(tick), class: "grid" }) + label(tickText(tick), { x: left - 6, y: y(tick) + 4, class: "tick", "text-anchor": "end" }));
  const vertical = x.ticks.map((tick) => label(tickText(tick), { x: x(tick), y: bottom + 16, class: "tick", "text-anchor": "middle" }));
  return [...horizontal, ...vertical, element("line", { x1: left, x2: right, y1: bottom, y2: bottom, class: "base" }), label(xLabel, { x: (left + right) / 2, y: bottom + 32, class: "axis", "text-anchor": "middle" })];
}

function referenceLine({ name, value }: { readonly name: string; readonly value: number }, y: Scale, { left, right }: Frame): string {
  if (!Number.isFinite(value)) return "";
  const line = element("line", { x1: left, x2: right, y1: y(value), y2: y(value), class: "reference" });
  return line + label(name, { x: right - 2, y: y(value) - 5, class: "axis halo", "text-anchor": "end" });
}

function curve({ name, points, series, faint }: Line & { readonly series: number }, x: Scale, y: Scale): string {
  const { class: colorClass, color } = seriesColor(series);
  const at = runs(points).map((run) => `M${run.map(([px, py]) => `${pixel(x(px))} ${pixel(y(py))}`).join("L")}`);
  const path = element("path", { d: at.join(""), class: `${faint ? "line faint" : "line"} ${colorClass}`, stroke: color, fill: "none", "data-name": name }, tooltip(name));
  if (faint || points.length > DOTTED) return path;
  const dots = points.filter(([, py]) => Number.isFinite(py)).map(([px, py]) => element("circle", { cx: x(px), cy: y(py), r: 2.6, class: `dot ${colorClass}`, fill: color }, tooltip(`${name}, ${significant(px, 6)}: ${significant(py, 4)}`)));
  return path + dots.join("");
}

/** The stretches of finite points between gaps. */
function runs(points: readonly Point[]): Point[][] {
  const found: Point[][] = [[]];
  for (const point of points) {
    if (Number.isFinite(point[1])) found.at(-1)!.push(point);
    else if (found.at(-1)!.length) found.push([]);
  }
  return found.filter((run) => run.length > 0);
}

/** Names right of the ends, pushed apart, each with a leader from its curve. A single curve needs none: the title names it. */
function endLabels(lines: readonly (Line & { readonly series: number })[], y: Scale, { right, top, bottom }: Frame, width: number): string[] {
  if (lines.length < 2) return [];
  const ends = lines.flatMap((line) => {
    const last = line.points.findLast(([, py]) => Number.isFinite(py));
    return last && !line.faint ? [{ ...line, end: y(last[1]), at: y(last[1]), value: last[1] }] : [];
  });
  spread(ends, top, bottom);
  return ends.map(({ name, series, end, at, value }) => {
    const { class: colorClass, color } = seriesColor(series);
    const leader = element("path", { d: `M${pixel(right + 1)} ${pixel(end)}L${pixel(right + 10)} ${pixel(at)}`, class: `leader ${colorClass}`, stroke: color, fill: "none" });
    return leader + element("text", { x: right + 14, y: at + 4, class: "end" }, tooltip(`${name}: ${significant(value, 4)}`) + escapeText(fitted(name, width - right - 14)));
  });
}

/** Moves `at` so that neighbours are a line apart and all stay between top and bottom. */
function spread(ends: { at: number }[], top: number, bottom: number): void {
  const gap = Math.min(13, (bottom - top) / Math.max(1, ends.length - 1));
  ends.sort((a, b) => a.at - b.at);
  ends.forEach((end, i) => (end.at = Math.max(end.at, (ends[i - 1]?.at ?? -Infinity) + gap)));
  ends.reverse().forEach((end, i) => (end.at = Math.min(end.at, i ? ends[i - 1]!.at - gap : bottom)));
}

const pixel = (value: number): string => String(Math.round(value * 10) / 10);

import { DataError } from "@moekit/core";
import type { ColourScale } from "../draw/colour-scale.js";
import { element, label, tooltip } from "../draw/markup.js";
import { significant, tickText } from "../draw/numbers.js";
import { emptyPicture, heading, picture, roomForNames, rowName, textWidth } from "../draw/picture.js";
import { linearScale } from "../draw/scale.js";
import { colourBarParts } from "./colour-bar.js";

/**
 * What a heat-map shows besides its values.
 * @example const options: HeatMapOptions = { title: "Layer 0", rows: ["novel"], columns: ["0", "1"], scale: shareScale(1, 0.5) };
 */
export interface HeatMapOptions {
  readonly title: string;
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  /** What the columns are, shown under them. */
  readonly columnLabel?: string;
  /** What a value is, such as "share of tokens"; with a colour bar if given, else the picture has none. */
  readonly valueLabel?: string;
  readonly scale: ColourScale;
  /** Writes a value; default three significant digits. */
  readonly text?: (value: number) => string;
  /** Also writes the values into the cells where they are wide enough, with this. */
  readonly cellText?: (value: number) => string;
  /** Cells to outline, such as dead experts. */
  readonly outlined?: (value: number) => boolean;
  /** The columns are stretches of a numeric axis from the first to the last of these. */
  readonly axis?: readonly [number, number];
  /** In pixels; default 360. */
  readonly width?: number;
  /** Height of a row in pixels; default by the number of rows. */
  readonly rowHeight?: number;
}

/** Cells this wide hold three characters. */
const WRITABLE = 15;

/** Pixels of the cells. */
interface Grid {
  readonly left: number;
  readonly top: number;
  readonly cellWidth: number;
  readonly cellHeight: number;
  readonly bottom: number;
  readonly right: number;
}

/**
 * A matrix as coloured cells. Each cell has its value as tooltip and, to six digits, as `data-value`; a value that is not finite is left
 * blank. An empty matrix gives a picture that says "no data".
 *
 * @param values - `[row][column]`
 * @returns SVG.
 * @throws DataError if the matrix does not have a row per name and a column per name.
 * @example heatMap([[0.6, 0.4]], { title: "Layer 0", rows: ["novel"], columns: ["0", "1"], scale: shareScale(1, 0.5) });
 */
export function heatMap(values: readonly (readonly number[])[], options: HeatMapOptions): string {
  const { title, rows, columns, width = 360 } = options;
  check(values, rows, columns);
  if (rows.length === 0 || columns.length === 0) return emptyPicture(width, title);
  const grid = gridOf(options, width);
  const bar = options.valueLabel === undefined ? [] : colourBarParts(options.scale, options.valueLabel, grid.left, grid.right - grid.left, grid.bottom + 44);
  const body = [
    heading(title),
    ...rowNames(rows, grid),
    ...(options.axis ? axisTicks(options.axis, grid) : columnNames(columns, grid)),
    ...values.map((row, r) => element("g", { "data-row": r }, row.map((value, c) => cell(value, r, c, options, grid)))),
    options.columnLabel === undefined ? "" : label(options.columnLabel, { x: (grid.left + grid.right) / 2, y: grid.bottom + 29, class: "axis", "text-anchor": "middle" }),
    ...bar,
  ];
  const height = grid.bottom + (options.columnLabel === undefined ? 20 : 34) + (bar.length ? 46 : 0);
  return picture(width, height, title, body, { "data-rows": rows.length, "data-columns": columns.length });
}

function check(values: readonly (readonly number[])[], rows: readonly string[], columns: readonly string[]): void {
  const wrong = values.find((row) => row.length !== columns.length);
  if (values.length === rows.length && !wrong) return;
  throw new DataError(`heatMap: values must be [${rows.length} rows, ${columns.length} columns], as many as there are names; got ${values.length} rows${wrong ? `, one with ${wrong.length} columns` : ""}.`);
}

function gridOf({ rows, columns, rowHeight = Math.min(20, Math.max(4, 200 / rows.length)) }: HeatMapOptions, width: number): Grid {
  const [left, top, right] = [roomForNames(rows, width), 22, width - 4];
  return { left, top, right, cellWidth: (right - left) / columns.length, cellHeight: rowHeight, bottom: top + rows.length * rowHeight };
}

function cell(value: number, r: number, c: number, options: HeatMapOptions, { left, top, cellWidth, cellHeight }: Grid): string {
  const { text = significant, scale, outlined, cellText, rows, columns } = options;
  const box = { x: left + c * cellWidth, y: top + r * cellHeight, width: cellWidth - (cellWidth > 10 ? 1 : 0), height: cellHeight - (cellHeight > 7 ? 1 : 0) };
  const data = { "data-value": Number.isFinite(value) ? String(Number(value.toPrecision(6))) : "" };
  const tip = tooltip(`${rows[r]}, ${columns[c]}: ${Number.isFinite(value) ? text(value) : "no value"}`);
  if (!Number.isFinite(value)) return element("rect", { ...box, class: "missing", fill: "none", ...data }, tip);
  const { class: paintClass, fill } = scale.paint(value);
  const rect = element("rect", { ...box, class: outlined?.(value) ? `${paintClass} outlined` : paintClass, fill, ...data }, tip);
  const written = cellText?.(value);
  if (written === undefined || cellWidth < WRITABLE || cellHeight < 12) return rect;
  return rect + label(written, { x: box.x + box.width / 2, y: box.y + box.height / 2 + 3.2, class: "in", "text-anchor": "middle" });
}

function rowNames(rows: readonly string[], { left, top, cellHeight }: Grid): string[] {
  const every = Math.ceil(11 / cellHeight);
  return rows.map((name, r) => (r % every ? "" : rowName(name, left - 6, top + (r + 0.5) * cellHeight + 4)));
}

function columnNames(columns: readonly string[], { left, bottom, cellWidth }: Grid): string[] {
  const every = Math.ceil((Math.max(...columns.map(textWidth)) + 3) / cellWidth);
  return columns.map((name, c) => (c % every ? "" : label(name, { x: left + (c + 0.5) * cellWidth, y: bottom + 14, class: "tick", "text-anchor": "middle" })));
}

function axisTicks(domain: readonly [number, number], { left, right, bottom }: Grid): string[] {
  const x = linearScale(domain, [left, right], 5);
  return x.ticks.map((tick) => {
    const half = textWidth(tickText(tick)) / 2;
    return element("line", { x1: x(tick), x2: x(tick), y1: bottom, y2: bottom + 4, class: "base" }) + label(tickText(tick), { x: Math.min(x(tick), right + 2 - half), y: bottom + 15, class: "tick", "text-anchor": "middle" });
  });
}

import { DataError } from "@moekit/core";
import { element, label, tooltip } from "../draw/markup.js";
import { expertPaint } from "../draw/palette.js";
import { emptyPicture, heading, picture, textWidth } from "../draw/picture.js";
import { linearScale } from "../draw/scale.js";
import { percent } from "../draw/numbers.js";

/**
 * What a chart of expert shares shows besides its values.
 * @example const options: LoadBarsOptions = { title: "Layer 0", chance: 0.25 };
 */
export interface LoadBarsOptions {
  readonly title: string;
  /** The level of an even spread, drawn as a dashed line. */
  readonly chance: number;
  /** Top of the axis; default a little above the largest value. Give all panels of a figure the same. */
  readonly most?: number;
  /** In pixels; default 360. */
  readonly width?: number;
}

/**
 * A bar per expert in the expert's colour, with the chance level.
 *
 * @param shares - `[E]`, from 0 to 1.
 * @returns SVG.
 * @throws DataError if a share is negative.
 * @example loadBars([0.4, 0.3, 0.2, 0.1], { title: "Layer 0", chance: 0.25 });
 */
export function loadBars(shares: readonly number[], { title, chance, most = Math.max(chance, ...shares.filter(Number.isFinite)) * 1.1, width = 360 }: LoadBarsOptions): string {
  const negative = shares.find((share) => share < 0);
  if (negative !== undefined) throw new DataError(`loadBars: shares must be at least 0; got ${negative}.`);
  if (!shares.some(Number.isFinite)) return emptyPicture(width, title);
  const [left, right, top, bottom] = [38, width - 4, 26, 126];
  const y = linearScale([0, most || 1], [bottom, top], 3);
  const slot = (right - left) / shares.length;
  const every = Math.ceil((textWidth(String(shares.length)) + 3) / slot);
  const body = [
    heading(title),
    ...y.ticks.map((tick) => element("line", { x1: left, x2: right, y1: y(tick), y2: y(tick), class: "grid" }) + label(percent(tick, most < 0.05 ? 1 : 0), { x: left - 5, y: y(tick) + 4, class: "tick", "text-anchor": "end" })),
    ...shares.map((share, e) => bar(share, e, left + e * slot, slot, y)),
    ...shares.map((_, e) => (e % every ? "" : label(String(e), { x: left + (e + 0.5) * slot, y: bottom + 14, class: "tick", "text-anchor": "middle" }))),
    element("line", { x1: left, x2: right, y1: y(chance), y2: y(chance), class: "reference" }),
    label("expert", { x: (left + right) / 2, y: bottom + 29, class: "axis", "text-anchor": "middle" }),
  ];
  return picture(width, bottom + 34, title, body);
}

function bar(share: number, expert: number, x: number, slot: number, y: (value: number) => number): string {
  if (!Number.isFinite(share)) return "";
  const box = { x: x + slot * 0.1, width: slot * 0.8, y: y(share), height: Math.max(0, y(0) - y(share)) };
  const { class: paintClass, fill } = expertPaint(expert);
  // The ring would cover a thin bar.
  return element("rect", { ...box, class: slot < 12 ? paintClass.split(" ")[0] : paintClass, fill, "data-value": String(share) }, tooltip(`expert ${expert}: ${percent(share, 1)}`));
}

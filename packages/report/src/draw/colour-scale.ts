import { diverging, sequential, type Paint } from "./palette.js";
import { percent, significant } from "./numbers.js";
import { linearScale } from "./scale.js";

/**
 * Gives values colours, and says how to read them.
 * @example const colors: ColourScale = shareScale(0.5, 0.125);
 */
export interface ColourScale {
  /** Class and fill of a value; values past the ends take the last colour. */
  paint(value: number): Paint;
  /** Position on the colour bar, 0 to 1. */
  position(value: number): number;
  /** The value at a position. */
  invert(position: number): number;
  readonly ticks: readonly { readonly value: number; readonly text: string }[];
  /** The level that chance alone gives, marked on the colour bar. */
  readonly chance?: number;
}

/**
 * Sequential colours for shares from 0 to `most`; larger shares take the last colour.
 *
 * @param chance - The share that an even spread gives, marked on the colour bar.
 * @example shareScale(0.5, 0.125).position(0.25); // 0.5
 */
export function shareScale(most: number, chance?: number): ColourScale {
  const top = most > 0 && Number.isFinite(most) ? most : 1;
  const position = (share: number) => clamp(share / top);
  const { ticks } = linearScale([0, top], [0, 1], 4);
  return { paint: (share) => sequential(position(share)), position, invert: (at) => at * top, ticks: ticks.map((value) => ({ value, text: percent(value, top < 0.05 ? 1 : 0) })), chance };
}

/**
 * Diverging colours for a ratio to an even share, on a logarithmic axis: neutral at 1, blue below, red above, full at 1/4 and 4.
 * @example ratioScale().position(1); // 0.5
 */
export function ratioScale(): ColourScale {
  const octaves = (ratio: number) => Math.log2(Math.max(ratio, 1e-9)) / 2;
  const ticks = [0.25, 0.5, 1, 2, 4].map((value) => ({ value, text: value === 1 ? "even" : `${significant(value)}×` }));
  return { paint: (ratio) => diverging(octaves(ratio)), position: (ratio) => clamp((octaves(ratio) + 1) / 2), invert: (at) => 4 ** (at * 2 - 1), ticks };
}

const clamp = (value: number): number => Math.min(1, Math.max(0, value));

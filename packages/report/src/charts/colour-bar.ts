import type { ColourScale } from "../draw/colour-scale.js";
import { element, label } from "../draw/markup.js";
import { picture, textWidth } from "../draw/picture.js";

const SLICES = 33;

/**
 * The legend of a colour scale: its colours with round values under them and the chance level marked above.
 * @returns SVG.
 * @example colourBar(ratioScale(), "load relative to an even share");
 */
export function colourBar(scale: ColourScale, valueLabel: string): string {
  return picture(320, 40, `Colour scale: ${valueLabel}`, colourBarParts(scale, valueLabel, 16, 284, 14), { "data-legend": valueLabel });
}

/** A colour bar inside another picture; `top` is the upper edge of the colours. */
export function colourBarParts(scale: ColourScale, valueLabel: string, left: number, width: number, top: number): string[] {
  const slice = width / SLICES;
  const colors = Array.from({ length: SLICES }, (_, i) => {
    const { class: paintClass, fill } = scale.paint(scale.invert((i + 0.5) / SLICES));
    return element("rect", { x: left + i * slice, y: top, width: slice + 0.3, height: 9, class: paintClass, fill });
  });
  const ticks = scale.ticks.map(({ value, text }) => label(text, { x: left + scale.position(value) * width, y: top + 21, class: "tick", "text-anchor": "middle" }));
  return [label(valueLabel, { x: left, y: top - 4, class: "axis" }), ...colors, ...ticks, ...chanceMark(scale, left, width, top, textWidth(valueLabel))];
}

/** A tick through the bar at the chance level; its name goes where the bar's own label leaves room. */
function chanceMark({ chance, position }: ColourScale, left: number, width: number, top: number, taken: number): string[] {
  if (chance === undefined) return [];
  const x = left + position(chance) * width;
  const line = element("line", { x1: x, x2: x, y1: top - 3, y2: top + 12, class: "chance" });
  const fits = x - left > taken + 24;
  return [line, fits ? label("chance", { x, y: top - 4, class: "axis", "text-anchor": "middle" }) : label("line: chance", { x: left + width, y: top - 4, class: "axis", "text-anchor": "end" })];
}

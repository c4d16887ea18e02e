import { pictureStyle } from "./page/style.js";

/**
 * A picture as a file of its own: the same SVG with the style sheet of the report inside, for light and dark.
 *
 * @param picture - What a chart function returned.
 * @returns SVG that can be written to a `.svg` file.
 * @example writeFileSync("load.svg", standalone(loadBars([0.6, 0.4], { title: "Layer 0", chance: 0.5 })));
 */
export function standalone(picture: string): string {
  return picture.replace(/^<svg [^>]*>/, (opening) => `${opening}<style>${pictureStyle().replace(/</g, "&lt;")}</style>`);
}

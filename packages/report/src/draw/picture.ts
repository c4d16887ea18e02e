import { element, escapeText, label, type Attributes } from "./markup.js";

/** Mean width of a character of the pictures' 11 px text. */
const CHARACTER = 6.1;

/** An `svg` element that says what it shows. */
export function picture(width: number, height: number, title: string, children: readonly string[], data: Attributes = {}): string {
  const box = { xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${Math.round(width)} ${Math.round(height)}`, width: Math.round(width), height: Math.round(height) };
  return element("svg", { ...box, class: "picture", role: "img", "aria-label": title, ...data }, children);
}

/** Title and unit of a picture. */
export function heading(title: string, unit = ""): string {
  const strong = element("tspan", { class: "title" }, escapeText(title));
  return element("text", { x: 0, y: 13, class: "tick" }, unit ? strong + element("tspan", { dx: 8 }, escapeText(unit)) : strong);
}

/** A picture that has nothing to show, and says so. */
export function emptyPicture(width: number, title: string): string {
  return picture(width, 80, `${title}: no data`, [label("no data", { x: width / 2, y: 44, class: "axis", "text-anchor": "middle" })]);
}

/** About how many pixels a text takes. */
export const textWidth = (text: string): number => [...text].length * CHARACTER;

/** The text, shortened to fit. */
export function fitted(text: string, width: number): string {
  const room = Math.max(1, Math.floor(width / CHARACTER));
  const characters = [...text];
  return characters.length <= room ? text : `${characters.slice(0, Math.max(1, room - 1)).join("")}…`;
}

/** A row's name at the left of a picture, whole in its tooltip when it had to be shortened. */
export function rowName(name: string, x: number, y: number): string {
  const shown = fitted(name, x - 2);
  const full = shown === name ? "" : element("title", {}, escapeText(name));
  return element("text", { x, y, class: "tick", "text-anchor": "end" }, escapeText(shown) + full);
}

/** Room for the longest name, at most a third of the picture. */
export const roomForNames = (names: readonly string[], width: number): number => Math.min(width / 3, Math.max(24, ...names.map((name) => textWidth(name) + 12)));

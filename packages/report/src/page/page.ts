import { element, escapeText } from "../draw/markup.js";
import { SCRIPT } from "./script.js";
import { pageStyle } from "./style.js";

/** A part of the page with its heading. */
export interface Section {
  readonly id: string;
  readonly title: string;
  /** What it is about, one or two sentences. */
  readonly text: string;
  /** Figures and tables, markup. */
  readonly body: readonly string[];
}

/** A whole page without any outside part. `head` is markup. */
export function page(title: string, head: string, sections: readonly Section[]): string {
  const links = sections.map(({ id, title: name }) => element("a", { href: `#${id}` }, escapeText(name)));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="@moekit/report">
<title>${escapeText(title)}</title>
<style>${pageStyle()}</style>
</head>
<body>
<header>${head}<nav aria-label="Sections">${links.join("")}</nav></header>
<main>
${numbered(sections.map(sectionMarkup).join("\n"))}
</main>
<script>${SCRIPT}</script>
</body>
</html>
`;
}

/** Numbers the captions of figures in their order. */
function numbered(markup: string): string {
  let number = 0;
  return markup.replace(/<figcaption><b>/g, (caption) => `${caption}Figure ${++number}. `);
}

function sectionMarkup({ id, title, text, body }: Section): string {
  return `<section id="${id}"><h2>${escapeText(title)}</h2><p class="about">${escapeText(text)}</p><div class="figures">\n${body.join("\n")}\n</div></section>`;
}

/** How wide a figure is: half a page, a whole one, or a whole one with the caption beside the picture. */
export type Width = "half" | "full" | "beside";

/** A figure: its picture, and a caption of a name and what to see. */
export function figure(name: string, see: string, body: string, width: Width = "half"): string {
  const caption = `<figcaption><b>${escapeText(name)}.</b> ${escapeText(see)}</figcaption>`;
  return element("figure", { class: width === "half" ? undefined : width }, [element("div", {}, body), caption]);
}

/** One picture per layer, side by side; `draw` is told how wide. `legend` is shared by all. */
export function panels<T>(layers: readonly T[], draw: (layer: T, index: number, width: number) => string, legend = ""): string {
  // Two and four make whole rows of two, everything else rows of three.
  const pairs = [1, 2, 4].includes(layers.length);
  return element("div", { class: pairs ? "panels pairs" : "panels" }, layers.map((layer, i) => draw(layer, i, pairs ? 420 : 360))) + legend;
}

/** A picture drawn for wide and for narrow columns; the style sheet shows the one that fits. */
export function responsive(draw: (width: number) => string, wide = 560): string {
  return `<div class="wide">${draw(wide)}</div><div class="narrow">${draw(350)}</div>`;
}

/** A table of texts; the first column names the rows. Cells may be markup made by `cells`. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], caption: string): string {
  const headers = head.map((name) => element("th", { scope: "col" }, escapeText(name)));
  const body = rows.map(([name, ...cells]) => `<tr><th scope="row">${escapeText(name ?? "")}</th>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`);
  return `<div class="scroll"><table><caption>${escapeText(caption)}</caption><thead><tr>${headers.join("")}</tr></thead><tbody>${body.join("")}</tbody></table></div>`;
}

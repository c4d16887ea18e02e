import { element, escapeText } from "../draw/markup.js";
import { fixed } from "../draw/numbers.js";
import { expertPaint } from "../draw/palette.js";
import type { RoutedToken } from "../routed-tokens.js";

/**
 * A text in which each token's background is its best expert in one layer, with all layers, experts and gates as tooltip.
 *
 * The classes of the backgrounds are filled by the style sheet of the report's page.
 *
 * @param layer - Index among the token's layers; default 0.
 * @returns HTML.
 * @example colouredText([{ text: "Call", experts: [[3, 1]], gates: [[0.7, 0.3]] }]);
 */
export function colouredText(tokens: readonly RoutedToken[], layer = 0): string {
  return element("p", { class: "routed" }, tokens.map((token) => span(token, layer)));
}

/** A chip per expert; pressing one shows only its tokens. */
export function expertLegend(numExperts: number): string {
  const chips = Array.from({ length: numExperts }, (_, e) => element("button", { type: "button", class: `chip ${expertPaint(e).class}`, "data-expert": e, "aria-pressed": "false", "aria-label": `show only expert ${e}` }, String(e)));
  return element("p", { class: "legend" }, [element("span", { class: "hint" }, "expert"), ...chips]);
}

function span({ text, experts, gates }: RoutedToken, layer: number): string {
  const tips = experts.map((ids, l) => `layer ${l}: ${ids.map((e, k) => `${e} (${fixed(gates[l]?.[k] ?? NaN, 2)})`).join(", ") || "none"}`);
  const best = experts[layer]?.[0];
  const attributes = { class: best === undefined ? "token" : `token ${expertPaint(best).class}`, "data-best": experts.map((ids) => ids[0] ?? "").join(","), title: tips.join("\n") };
  return element("span", attributes, escapeText(text.replace(/\n/g, "↵\n")));
}

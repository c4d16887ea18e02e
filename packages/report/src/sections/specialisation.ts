import { colourBar } from "../charts/colour-bar.js";
import { dotPlot } from "../charts/dot-plot.js";
import { heatMap } from "../charts/heat-map.js";
import { mean, sum } from "../curves.js";
import { shareScale, type ColourScale } from "../draw/colour-scale.js";
import { element, escapeText } from "../draw/markup.js";
import { percent, precise, significant } from "../draw/numbers.js";
import { figure, panels, responsive, type Section } from "../page/page.js";
import { TOP_TOKENS, type LayerSummary, type RoutingSummary } from "../routing-summary.js";
import type { TrainingReport } from "../training-report.js";
import { layerName } from "./facts-of.js";

/** What experts are for: domains and tokens; undefined without a routing summary. */
export function specialisation(report: TrainingReport): Section | undefined {
  const { routing } = report;
  if (!routing) return undefined;
  const domains = routing.domains.length > 0 && routing.layers.some((layer) => layer.informationBits !== undefined);
  const tokens = routing.layers.some((layer) => layer.topTokens.length > 0);
  if (!domains && !tokens) return undefined;
  return {
    id: "specialisation",
    title: "Who does what",
    text: "Nobody told the experts what to be good at. These pictures show whether they divided the text among themselves, by domain or by token.",
    body: [...(domains ? [domainFigure(report, routing), informationFigure(report, routing, tokens)] : []), ...(tokens ? [explainedFigure(report, routing), tokenFigure(report, routing)] : [])],
  };
}

function domainFigure(report: TrainingReport, { layers, domains, numExperts, numTokens }: RoutingSummary): string {
  const chance = sum(layers[0]!.counts) / numTokens / numExperts;
  const scale = shareScale(Math.min(1, Math.max(2 * chance, ...layers.flatMap((layer) => layer.specialisation.flat()))), chance);
  const pictures = panels(layers, (layer, l, width) => domainPanel(layerName(report, l), layer, domains, scale, width), colourBar(scale, "share of the domain's tokens"));
  const see = `Of a domain's tokens, the percentage that use each expert. Without specialisation every cell would be ${percent(chance, 1)}; a row adds up to ${percent(chance * numExperts)}, because every token has ${significant(chance * numExperts)} experts.`;
  return figure("Experts by domain", see, pictures, "full");
}

function domainPanel(title: string, { specialisation: matrix }: LayerSummary, domains: readonly string[], scale: ColourScale, width: number): string {
  const columns = (matrix[0] ?? []).map((_, e) => String(e));
  return heatMap(matrix, { width, title, rows: domains, columns, columnLabel: "expert", scale, rowHeight: 20, text: (share) => `${percent(share, 1)} of its tokens`, cellText: (share) => String(Math.round(share * 100)) });
}

function informationFigure(report: TrainingReport, { layers, domains }: RoutingSummary, tokens: boolean): string {
  const value = (of: (layer: LayerSummary) => number | undefined) => layers.map((layer) => of(layer) ?? NaN);
  const [real, shuffled] = [value((layer) => layer.informationBits), value((layer) => layer.shuffledBits)];
  const series = [{ name: "domains as they are", values: real, emphasised: true }, { name: "domain labels shuffled", values: shuffled }];
  const see = `What one choice of expert tells about a token's domain (mutual information, in bits; knowing the domain outright would take up to ${significant(Math.log2(domains.length))}). The same choices with shuffled domain labels show what chance alone gives: ${precise(mean(shuffled), 2)} bits on average, against ${precise(mean(real), 2)}.`;
  return figure("Specialisation against chance", see, responsive((width) => dotPlot(series, { title: "Information about the domain", rows: layers.map((_, l) => layerName(report, l)), xLabel: "bits per choice", fromZero: true, width })), tokens ? "half" : "beside");
}

function explainedFigure(report: TrainingReport, { layers }: RoutingSummary): string {
  const series = [{ name: "explained by the token id", values: layers.map((layer) => layer.explainedByToken ?? NaN), emphasised: true }];
  const see = "The part of the routing that follows from the token alone, whatever stands before it: 1 is a router that only looks up the token, 0 one that ignores it. (Mutual information over entropy, best experts, corrected for small samples.)";
  return figure("Routing by token", see, responsive((width) => dotPlot(series, { title: "Explained by the token id", rows: layers.map((_, l) => layerName(report, l)), xLabel: "fraction of the routing's entropy", fromZero: true, width })));
}

/** The layer whose routing depends most on the token, in sight; the others folded away. */
function tokenFigure(report: TrainingReport, { layers }: RoutingSummary): string {
  const explained = layers.map((layer) => layer.explainedByToken ?? NaN);
  const order = layers.map((_, l) => l).sort((a, b) => explained[b]! - explained[a]!);
  const tables = order.map((l) => wordTable(`${layerName(report, l)}: the token id explains ${percent(explained[l]!)} of the routing`, layers[l]!));
  const more = tables.length > 1 ? `<details><summary>The other ${tables.length - 1} layers</summary>${tables.slice(1).join("")}</details>` : "";
  const see = "The most frequent tokens of each expert (as best expert). The percentage and the shade say how many of the token's occurrences go there: 100 % is a token that this expert owns. A dot stands for a space.";
  return figure("Tokens of each expert", see, `${tables[0]!}${more}`, "full");
}

function wordTable(caption: string, { topTokens }: LayerSummary): string {
  const scale = shareScale(1);
  const rows = topTokens.map((tokens, e) => `<tr><th scope="row">${e}</th>${tokens.map((token) => `<td>${word(token, scale)}</td>`).join("")}</tr>`);
  return `<p class="panelTitle">${escapeText(caption)}</p><div class="scroll"><table class="words" aria-label="${escapeText(caption)}"><thead><tr><th scope="col">expert</th><th scope="col" colspan="${TOP_TOKENS}">tokens, most frequent first</th></tr></thead><tbody>${rows.join("")}</tbody></table></div>`;
}

function word({ text, count, share }: { readonly text: string; readonly count: number; readonly share: number }, scale: ColourScale): string {
  const visible = text.replace(/ /g, "·").replace(/\n/g, "↵").replace(/\t/g, "→");
  return element("span", { class: `word w-${scale.paint(share).class}`, title: `${count} occurrences here, ${percent(share)} of all` }, `<code>${escapeText(visible)}</code><small>${percent(share)}</small>`);
}

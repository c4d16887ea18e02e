import { table } from "../terminal/table.js";
import type { TextRouting } from "./routing-of-text.js";

/** A routed text for people: coloured by best expert, layer by layer, on a terminal; a table of tokens elsewhere. */
export function routingText(routing: TextRouting, colours: boolean): string {
  const shown = colours ? routing.layers.map((layer, i) => colouredLayer(routing, layer, i)) : [tokenTable(routing)];
  return [...shown, loadTable(routing)].join("\n\n");
}

/** Neighbouring expert ids get distant hues of the terminal's 6 x 6 x 6 colour cube, all light enough for black text. */
const colourOf = (expert: number): number => {
  const hue = (expert * 7) % 27;
  return 16 + 36 * (3 + (hue % 3)) + 6 * (3 + (Math.floor(hue / 3) % 3)) + 3 + Math.floor(hue / 9);
};

const painted = (text: string, expert: number): string => `\x1b[48;5;${colourOf(expert)}m\x1b[38;5;16m${text}\x1b[0m`;

function colouredLayer({ tokens }: TextRouting, layer: number, index: number): string {
  const used = [...new Set(tokens.map(({ experts }) => experts[index]![0]).filter((expert) => expert !== undefined))].sort((a, b) => a - b);
  const text = tokens.map((token) => {
    const best = token.experts[index]![0];
    return best === undefined ? token.text : painted(token.text, best);
  });
  return `layer ${layer}: ${text.join("")}\n${used.map((expert) => painted(` ${expert} `, expert)).join(" ")}`;
}

function tokenTable({ tokens, layers }: TextRouting): string {
  const experts = (token: TextRouting["tokens"][number]) => layers.map((_, i) => token.experts[i]!.map((expert, k) => `${expert} (${token.gates[i]![k]!.toFixed(2)})`).join(" "));
  return table(["token", ...layers.map((layer) => `layer ${layer}`)], tokens.map((token) => [JSON.stringify(token.text), ...experts(token)]));
}

function loadTable({ load, layers }: TextRouting): string {
  const experts = load[0]?.map((_, expert) => String(expert)) ?? [];
  return table(["choices of expert", ...experts], layers.map((layer, i) => [`layer ${layer}`, ...load[i]!.map(String)]));
}

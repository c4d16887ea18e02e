import { DataError } from "@moekit/core";
import { element, label, tooltip } from "../draw/markup.js";
import { percent, significant } from "../draw/numbers.js";
import { expertPaint } from "../draw/palette.js";
import { emptyPicture, heading, picture } from "../draw/picture.js";

/**
 * How tokens went from the experts of one layer to those of a later one.
 * @example const flow: Flow = { from: 0, to: 1, counts: [[9, 1], [2, 8]] };
 */
export interface Flow {
  /** Layer. */
  readonly from: number;
  /** Layer, after `from`. */
  readonly to: number;
  /** `[E][E]` tokens whose best expert is i in `from` and j in `to`. */
  readonly counts: readonly (readonly number[])[];
}

/**
 * What a flow diagram shows besides its flows.
 * @example const options: FlowDiagramOptions = { title: "Ways through the layers", width: 350 };
 */
export interface FlowDiagramOptions {
  readonly title: string;
  /** In pixels; default 760. */
  readonly width?: number;
}

/** An expert of a layer, drawn as a bar as tall as its tokens are many. */
interface Node {
  readonly expert: number;
  readonly tokens: number;
  readonly y: number;
  readonly height: number;
}

const TOP = 44;
const HEIGHT = 360;
const BAR = 12;
/** A link is strong when it carries this many times what independent layers would give. */
const STRONG = 1.5;

/**
 * The ways of tokens through the layers, by best expert: bars are experts, as tall as their tokens are many, and links are
 * tokens that go from one to the other. A link is as wide as its tokens; links that carry more than 1.5 times what independent
 * layers would give are coloured by the expert they come from, the others grey. The experts of a layer are ordered so that
 * links cross little.
 *
 * @param flows - Of consecutive layers: each starts where the one before ended.
 * @returns SVG.
 * @throws DataError if the flows do not follow each other.
 * @source The Sankey diagram of Muennighoff et al. 2024 (OLMoE), arXiv:2409.02060; differs: no expert is merged into "other".
 * @example flowDiagram([{ from: 0, to: 1, counts: [[9, 1], [2, 8]] }], { title: "Ways through the layers" });
 */
export function flowDiagram(flows: readonly Flow[], { title, width = 760 }: FlowDiagramOptions): string {
  const broken = flows.findIndex((flow, i) => i > 0 && flow.from !== flows[i - 1]!.to);
  if (broken > 0) throw new DataError(`flowDiagram: each flow must start in the layer where the one before ended, ${flows[broken - 1]!.to}; got ${flows[broken]!.from}.`);
  if (!flows.some(({ counts }) => total(counts) > 0)) return emptyPicture(width, title);
  const columns = orderedColumns(flows);
  const x = columns.map((_, i) => 22 + (i * (width - 44 - BAR)) / (columns.length - 1));
  const layers = [flows[0]!.from, ...flows.map((flow) => flow.to)];
  const links = flows.flatMap((flow, i) => linksOf(flow, columns[i]!, columns[i + 1]!, x[i]! + BAR, x[i + 1]!));
  const nodes = columns.flatMap((column, i) => column.map((node) => nodeMark(node, x[i]!, layers[i]!, i === columns.length - 1)));
  const names = layers.map((layer, i) => label(`layer ${layer}`, { x: i === 0 ? 4 : i === layers.length - 1 ? width - 4 : x[i]! + BAR / 2, y: 36, class: "axis", "text-anchor": i === 0 ? "start" : i === layers.length - 1 ? "end" : "middle" }));
  return picture(width, TOP + HEIGHT + 8, title, [heading(title, "by best expert"), ...names, ...links, ...nodes]);
}

/** The first layer by expert, each other by the mean place of where its tokens come from. */
function orderedColumns(flows: readonly Flow[]): Node[][] {
  const first = flows[0]!.counts.map((row, expert) => ({ expert, tokens: sum(row) }));
  const columns = [stacked(first)];
  for (const { counts } of flows) {
    const before = columns.at(-1)!;
    const next = (counts[0] ?? []).map((_, expert) => {
      const incoming = before.map((node) => counts[node.expert]![expert]!);
      const place = sum(before.map((node, i) => (node.y + node.height / 2) * incoming[i]!)) / Math.max(sum(incoming), 1e-9);
      return { expert, tokens: sum(incoming), place };
    });
    columns.push(stacked(next.sort((a, b) => a.place - b.place || a.expert - b.expert)));
  }
  return columns;
}

function stacked(experts: readonly { readonly expert: number; readonly tokens: number }[]): Node[] {
  const gap = Math.min(3, 90 / experts.length);
  const unit = (HEIGHT - gap * (experts.length - 1)) / sum(experts.map(({ tokens }) => tokens));
  let y = TOP;
  return experts.map(({ expert, tokens }) => {
    const node = { expert, tokens, y, height: tokens * unit };
    y += node.height + gap;
    return node;
  });
}

/** The links between two layers: all weak ones as one shape, then the strong ones with their numbers. */
function linksOf({ from, to, counts }: Flow, left: readonly Node[], right: readonly Node[], x1: number, x2: number): string[] {
  const all = total(counts);
  const links = placed(counts, left, right).map((link) => ({ ...link, lift: (link.tokens * all) / (link.source.tokens * link.target.tokens), d: ribbon(x1, link.y1, link.w1, x2, link.y2, link.w2) }));
  const weak = links.filter(({ lift }) => lift <= STRONG).map(({ d }) => d);
  const strong = links.filter(({ lift }) => lift > STRONG).sort((a, b) => a.lift - b.lift);
  const marks = strong.map(({ source, target, tokens, lift, d }) => {
    const tip = `layer ${from} expert ${source.expert} to layer ${to} expert ${target.expert}: ${percent(tokens / source.tokens)} of its tokens, ${significant(lift, 2)} times what independent layers give`;
    const { class: paintClass, fill } = expertPaint(source.expert);
    return element("path", { d, class: `link ${paintClass.split(" ")[0]}`, fill, "data-tokens": tokens }, tooltip(tip));
  });
  return [element("path", { d: weak.join(""), class: "weak", fill: "#8a929c" }), ...marks];
}

/** Where each link leaves its source and enters its target, and how wide it is there. */
function placed(counts: Flow["counts"], left: readonly Node[], right: readonly Node[]): { source: Node; target: Node; tokens: number; y1: number; w1: number; y2: number; w2: number }[] {
  const entered = new Map(right.map((node) => [node, 0]));
  return left.flatMap((source) => {
    let out = 0;
    return right.flatMap((target) => {
      const tokens = counts[source.expert]![target.expert]!;
      if (!(tokens > 0)) return [];
      const [w1, w2] = [(tokens / source.tokens) * source.height, (tokens / target.tokens) * target.height];
      const link = { source, target, tokens, w1, w2, y1: source.y + out, y2: target.y + entered.get(target)! };
      out += w1;
      entered.set(target, entered.get(target)! + w2);
      return [link];
    });
  });
}

function ribbon(x1: number, y1: number, w1: number, x2: number, y2: number, w2: number): string {
  const middle = pixel((x1 + x2) / 2);
  const [a, b] = [pixel(x1), pixel(x2)];
  return `M${a} ${pixel(y1)}C${middle} ${pixel(y1)} ${middle} ${pixel(y2)} ${b} ${pixel(y2)}V${pixel(y2 + w2)}C${middle} ${pixel(y2 + w2)} ${middle} ${pixel(y1 + w1)} ${a} ${pixel(y1 + w1)}z`;
}

function nodeMark({ expert, tokens, y, height }: Node, x: number, layer: number, last: boolean): string {
  const { class: paintClass, fill } = expertPaint(expert);
  // On a small bar the ring would hide the colour.
  const rect = element("rect", { x, y, width: BAR, height: Math.max(height, 0.5), class: height < 9 ? paintClass.split(" ")[0] : paintClass, fill }, tooltip(`layer ${layer} expert ${expert}: ${significant(tokens, 6)} tokens`));
  if (height < 9) return rect;
  return rect + label(String(expert), { x: last ? x + BAR + 4 : x - 4, y: y + height / 2 + 4, class: "tick halo", "text-anchor": last ? "start" : "end" });
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const total = (counts: readonly (readonly number[])[]): number => sum(counts.map(sum));
const pixel = (value: number): number => Math.round(value * 10) / 10;

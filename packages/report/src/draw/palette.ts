/**
 * Colours. Each has a class, which the style sheet fills for light and dark, and a light value as attribute, so that a picture
 * taken out of the page keeps its colours. Series and experts differ in lightness as well as hue; both ramps of
 * magnitude run from the paper's lightness to its opposite, so that they survive colour blindness and grey print.
 */
interface Shade {
  readonly light: string;
  readonly dark: string;
}

const shade = (light: string, dark: string): Shade => ({ light, dark });

/** Lines and marks, after Okabe and Ito (2008), without the yellow that white paper swallows. */
const SERIES: readonly Shade[] = [
  shade("#0072b2", "#5fb2ea"),
  shade("#d55e00", "#ff8f4a"),
  shade("#009e73", "#41cfa1"),
  shade("#b3568f", "#e79ac8"),
  shade("#b98500", "#f0c14b"),
  shade("#4aa5dc", "#a3d8f7"),
  shade("#6b5bb5", "#b3a5f5"),
  shade("#56606b", "#b4bcc6"),
];

/** Backgrounds of tokens and nodes: ink stays readable on each. */
const EXPERTS: readonly Shade[] = [
  shade("#a3cdf0", "#1f5887"),
  shade("#ffc078", "#8c5210"),
  shade("#a5d99b", "#2c6a33"),
  shade("#f6aba3", "#91342c"),
  shade("#cbb9e8", "#5c4396"),
  shade("#f3e07a", "#6d5e00"),
  shade("#84d2ca", "#0c6964"),
  shade("#ebbcdc", "#863a70"),
  shade("#cdb48c", "#6a4e27"),
  shade("#bfc6cf", "#4b545f"),
  shade("#cfe26f", "#54690b"),
  shade("#86aee6", "#2c4bb3"),
];

const SEQUENTIAL = shade("#f4f6f4 #c3e3d0 #62b79a #157f7c #0a3a52", "#1d242c #174a57 #16838a #66c8a2 #ecf8c6");
const BELOW = shade("#f4f4f1 #a9cde3 #5599c9 #2166ac", "#262c33 #2a577f #4189c4 #86c5fa");
const ABOVE = shade("#f4f4f1 #f4bd9f #dc7158 #b2182b", "#262c33 #87452f #d1694a #ffa287");

/** Steps of a ramp: fine enough to look smooth, few enough to be classes. */
const STEPS = 16;

/**
 * Attributes of a filled shape: the class that the style sheet colours, and the colour of the light theme.
 * @example element("rect", { width: 4, ...sequential(0.5) });
 */
export interface Paint {
  readonly class: string;
  readonly fill: string;
}

/** Class and fallback colour of a line or mark. */
export const seriesColor = (series: number): { class: string; color: string } => ({ class: `c${series % SERIES.length}`, color: SERIES[series % SERIES.length]!.light });

/** Class and fallback colour of an expert, the same in all pictures; past twelve, rings of lines tell them apart. */
export function expertPaint(expert: number): Paint {
  const [hue, ring] = [expert % EXPERTS.length, Math.floor(expert / EXPERTS.length) % 4];
  return { class: ring ? `e${hue} ring${ring}` : `e${hue}`, fill: EXPERTS[hue]!.light };
}

/** Paint for 0 to 1 on the ramp of magnitudes. */
export const sequential = (at: number): Paint => stepPaint("s", SEQUENTIAL, at);

/** Paint for -1 to 1 on the ramp of differences. */
export const diverging = (at: number): Paint => (at < 0 ? stepPaint("b", BELOW, -at) : stepPaint("a", ABOVE, at));

/** The rules that give the classes their colours. `theme` is "light" or "dark". */
export function paletteRules(theme: keyof Shade): string {
  const series = SERIES.map((colors, i) => `.c${i}{--c:${colors[theme]}}`);
  const experts = EXPERTS.map((colors, i) => `.e${i}{fill:${colors[theme]};background-color:${colors[theme]}}`);
  const ramps = ([["s", SEQUENTIAL], ["b", BELOW], ["a", ABOVE]] as const).flatMap(([name, ramp]) => Array.from({ length: STEPS + 1 }, (_, i) => rampRule(name, i, ramp[theme])));
  return [...series, ...experts, ...ramps].join("\n");
}

/** A step of a ramp: its fill, and the ink that is readable on it for a text that follows it. */
function rampRule(name: string, step: number, stops: string): string {
  const color = mix(stops, step / STEPS);
  const ink = luminance(color) > 0.2 ? "#14181c" : "#fff";
  return `.${name}${step}{fill:${color}}.${name}${step}+.in{fill:${ink}}.w-${name}${step}{background-color:${color};color:${ink}}`;
}

function stepPaint(name: string, ramp: Shade, at: number): Paint {
  const step = Math.round(Math.min(1, Math.max(0, at)) * STEPS);
  return { class: `${name}${step}`, fill: mix(ramp.light, step / STEPS) };
}

function mix(stops: string, at: number): string {
  const colors = stops.split(" ").map(channels);
  const position = at * (colors.length - 1);
  const i = Math.min(colors.length - 2, Math.floor(position));
  const mixed = colors[i]!.map((channel, c) => Math.round(channel + (colors[i + 1]![c]! - channel) * (position - i)));
  return `#${mixed.map((channel) => channel.toString(16).padStart(2, "0")).join("")}`;
}

/** Relative luminance (WCAG 2), 0 black to 1 white. */
export function luminance(color: string): number {
  const [r, g, b] = channels(color).map((channel) => (channel / 255 <= 0.04045 ? channel / 255 / 12.92 : ((channel / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}

const channels = (color: string): number[] => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));

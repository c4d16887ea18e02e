/** A value that becomes an SVG or HTML attribute; undefined leaves it out. */
export type Attributes = Readonly<Record<string, string | number | undefined>>;

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
/** Shapes without children may close themselves; HTML reads `<p/>` as an open tag. */
const SELF_CLOSING = new Set(["rect", "line", "circle", "path", "polyline", "br", "stop", "use"]);

/** Escapes text for SVG and HTML, in content and in quoted attributes; characters that XML forbids become U+FFFD. */
export function escapeText(text: string): string {
  // eslint-disable-next-line no-control-regex
  const legal = text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd");
  return legal.replace(/[&<>"']/g, (c) => ENTITIES[c]!);
}

/** One element. Attributes are escaped; children are markup already. */
export function element(name: string, attributes: Attributes = {}, children: string | readonly string[] = ""): string {
  const attrs = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === "number" ? round(value) : escapeText(value!)}"`)
    .join("");
  const body = typeof children === "string" ? children : children.join("");
  return body === "" && SELF_CLOSING.has(name) ? `<${name}${attrs}/>` : `<${name}${attrs}>${body}</${name}>`;
}

/** An SVG text. */
export const label = (text: string, attributes: Attributes): string => element("text", attributes, escapeText(text));

/** What a browser shows when the pointer rests on a shape. */
export const tooltip = (text: string): string => element("title", {}, escapeText(text));

/** Coordinates need no more than hundredths of a pixel. */
const round = (value: number): string => String(Math.round(value * 100) / 100);

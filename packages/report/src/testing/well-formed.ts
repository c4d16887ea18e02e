const ATTRIBUTE = String.raw`\s+[\w:-]+="[^"<]*"`;
const TAG = new RegExp(String.raw`^<(/?)([a-zA-Z][\w-]*)((?:${ATTRIBUTE})*)\s*(/?)>`);

/** Throws unless the markup is well-formed XML as far as this package writes it: nested tags, quoted attributes, escaped text. */
export function checkWellFormed(markup: string): void {
  const open: string[] = [];
  for (let rest = markup; rest !== ""; ) {
    const text = /^[^<]*/.exec(rest)![0];
    if (/&(?!(?:amp|lt|gt|quot|#39);)/.test(text)) throw new Error(`bare & in ${text.slice(0, 80)}`);
    rest = rest.slice(text.length);
    if (rest === "") break;
    const tag = TAG.exec(rest);
    if (!tag) throw new Error(`not a tag: ${rest.slice(0, 80)}`);
    const [whole, closes, name, attributes, selfCloses] = tag as unknown as [string, string, string, string, string];
    const names = [...attributes.matchAll(/([\w:-]+)="/g)].map((match) => match[1]);
    if (new Set(names).size !== names.length) throw new Error(`an attribute twice: ${whole}`);
    if (closes && open.pop() !== name) throw new Error(`</${name}> closes another element`);
    if (!closes && !selfCloses) open.push(name);
    rest = rest.slice(whole.length);
  }
  if (open.length) throw new Error(`not closed: ${open.join(", ")}`);
}

/** What no markup may contain, if it does: a coordinate that is not a number, a forgotten value. */
export const brokenPart = (markup: string): string | undefined => /.{0,60}(NaN|undefined|Infinity|\[object).{0,20}/.exec(markup)?.[0];

/** Strings that break careless writers of HTML. */
export const HOSTILE = ['</script><script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "' onload='alert(1)", "<!-- ]]> &amp; <b>", "\u0000\u0008\ufffe\ud800", "a\u202eb", "$& $1 $`"];

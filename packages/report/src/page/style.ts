import { paletteRules } from "../draw/palette.js";

const LIGHT = `
:root{color-scheme:light;--ink:#1a1e23;--soft:#59626d;--rule:#dfe2e5;--paper:#fbfaf7;--card:#fff;--accent:#0072b2;--grey:#8a929c}
${paletteRules("light")}`;

const DARK = `
:root{color-scheme:dark;--ink:#e9ebed;--soft:#a2abb5;--rule:#333a42;--paper:#14171b;--card:#1b1f24;--accent:#5fb2ea;--grey:#6c7580}
${paletteRules("dark")}`;

/** Rules of the pictures, which also hold outside the page. */
const PICTURES = `
.picture{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-size:11px;overflow:visible}
.picture .title{font-size:12.5px;font-weight:600;fill:var(--ink)}
.tick,.axis{fill:var(--soft)}.axis{font-style:italic}.end{fill:var(--ink);font-weight:500}
.halo{paint-order:stroke;stroke:var(--card);stroke-width:3px;stroke-linejoin:round}
.in{font-size:9.5px;pointer-events:none}
.grid{stroke:var(--rule);stroke-width:1}.base{stroke:var(--soft);stroke-width:1}
.reference{stroke:var(--soft);stroke-width:1.2;stroke-dasharray:4 4}.chance{stroke:var(--ink);stroke-width:1.6}
.line{stroke:var(--c);stroke-width:2;stroke-linejoin:round;stroke-linecap:round}.line.faint{stroke-width:1;stroke-opacity:.28}
.leader{stroke:var(--c);stroke-width:1.2}.dot{fill:var(--c)}.mark{stroke:var(--c);stroke-width:1.8;fill:var(--card)}.mark.full{fill:var(--c)}
.outlined{stroke:var(--ink);stroke-width:1.2}.missing{pointer-events:all}
.weak{fill:var(--grey);fill-opacity:.13}.link{fill-opacity:.85}.link:hover{fill-opacity:1;stroke:var(--ink)}
rect.ring1{stroke:var(--ink);stroke-width:1.4}rect.ring2{stroke:var(--ink);stroke-width:1.4;stroke-dasharray:2 2}rect.ring3{stroke:var(--ink);stroke-width:1.4;stroke-dasharray:6 2}
`;

const LAYOUT = `
*{box-sizing:border-box}
html{scroll-behavior:smooth}
body{margin:0 auto;max-width:1200px;padding:48px 24px 96px;background:var(--paper);color:var(--ink);font:17px/1.55 Charter,"Bitstream Charter","Sitka Text",Cambria,Georgia,"Liberation Serif",serif;-webkit-text-size-adjust:100%}
h1{font-size:38px;line-height:1.15;margin:0 0 14px;letter-spacing:-.015em;text-wrap:balance;overflow-wrap:anywhere}
h2{font-size:25px;line-height:1.2;margin:0 0 6px;letter-spacing:-.01em}
.eyebrow,nav,.tiles,button,table,.hint,details,figcaption{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
.eyebrow{font-size:12.5px;font-weight:600;letter-spacing:.08em;text-transform:uppercase;color:var(--accent);margin:0 0 10px}
.lede{font-size:20px;line-height:1.5;max-width:46em;margin:0;text-wrap:pretty}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,165px),1fr));gap:1px;margin:30px 0 0;background:var(--card);border:1px solid var(--rule);border-radius:10px;overflow:hidden}
.tiles div{box-shadow:0 0 0 1px var(--rule);padding:14px 16px}
.tiles dt{font-size:12.5px;color:var(--soft)}.tiles dd{margin:0}
.tiles .value{font-size:27px;font-weight:600;line-height:1.3;letter-spacing:-.02em;font-variant-numeric:tabular-nums}.tiles .note{font-size:12.5px;line-height:1.4;color:var(--soft)}
nav{display:flex;flex-wrap:wrap;gap:4px 20px;margin:26px 0 0;padding:12px 0;border-top:1px solid var(--rule);border-bottom:1px solid var(--rule);font-size:14px}
a{color:var(--accent);text-decoration:none}a:hover{text-decoration:underline}
section{margin-top:60px}
.about{max-width:44em;margin:0 0 20px;text-wrap:pretty}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,500px),1fr));gap:24px;align-items:start}
figure{margin:0;min-width:0;container-type:inline-size;background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:18px 18px 14px}
.full{grid-column:1/-1}
figcaption{font-size:13.5px;line-height:1.5;color:var(--soft);margin-top:12px;max-width:56em;text-wrap:pretty}
figcaption b{color:var(--ink);font-weight:600}
.picture{display:block;width:100%;height:auto;max-width:680px}
.full .wide .picture{max-width:none}
@media (min-width:1000px){.beside{grid-column:1/-1;display:grid;grid-template-columns:minmax(0,620px) 1fr;gap:36px;align-items:center}}
.narrow{display:none}@container (max-width:470px){.wide{display:none}.narrow{display:block}}
.panels{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,330px),1fr));gap:22px 26px}
.pairs{grid-template-columns:repeat(auto-fill,minmax(min(100%,400px),1fr))}
.panels .picture{max-width:510px}.picture[data-legend]{max-width:320px;margin-top:16px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:13.5px;font-variant-numeric:tabular-nums;width:100%}
caption{text-align:left;font-weight:600;font-size:13.5px;padding-bottom:6px}
th,td{padding:6px 10px;text-align:right;border-bottom:1px solid var(--rule);font-weight:400;white-space:nowrap}th:first-child{text-align:left;padding-left:0}thead th{color:var(--soft);font-size:12.5px}
tbody tr:last-child>*{border-bottom:0}td b{font-weight:650}td small{display:block;font-size:11.5px;line-height:1.25;color:var(--soft)}
.panelTitle{font:600 13.5px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;margin:14px 0 6px}div>.panelTitle:first-child{margin-top:0}
.words th:first-child{padding-right:10px}.words thead th{text-align:left;padding:2px 4px;border:0}.words td{text-align:left;padding:3px 4px;border-bottom:0}.words tbody th{border-bottom:0;padding-top:3px;padding-bottom:3px}
.word{display:flex;justify-content:space-between;gap:8px;padding:3px 7px;border-radius:4px;font-size:12px}.word code{white-space:pre}.word small{display:inline;color:inherit;opacity:.85;font-size:11px}
code,.routed,.sample{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
button{font-size:13px;line-height:1.4;padding:3px 11px;margin:0 5px 5px 0;border:1px solid var(--rule);border-radius:7px;background:var(--card);color:var(--ink);cursor:pointer}
button[aria-pressed=true]{background-color:var(--ink);color:var(--card);border-color:var(--ink)}button:focus-visible{outline:2px solid var(--accent);outline-offset:1px}
.hint{font-size:12.5px;color:var(--soft);margin-right:8px}.layers,.legend{margin:0 0 8px}
.chip{min-width:28px;padding:1px 5px;margin:0 3px 4px 0;color:var(--ink);text-align:center;border-color:transparent}
.routed{margin:0;font-size:13.5px;line-height:1.85;white-space:pre-wrap;overflow-wrap:anywhere}.routedTitle{font-size:14px;margin:18px 0 4px}
.token{border-radius:3px;padding:2px 0;box-decoration-break:clone;-webkit-box-decoration-break:clone;box-shadow:inset -1px 0 var(--card)}
.token.ring1,.chip.ring1{border-bottom:2px solid var(--ink)}.token.ring2,.chip.ring2{border-bottom:2px dotted var(--ink)}.token.ring3,.chip.ring3{border-bottom:4px double var(--ink)}
.token.dim{background:none;opacity:.35;border:0}
.sample{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;font-size:13.5px;line-height:1.6}.sample b{color:var(--accent);font-weight:600}
.facts td{text-align:left;white-space:normal;overflow-wrap:anywhere}.facts th{white-space:normal}.facts tr>*{vertical-align:top}
details{font-size:14px}summary{cursor:pointer;color:var(--accent);margin:10px 0}
@media (max-width:600px){body{padding:28px 14px 64px;font-size:16px}h1{font-size:29px}h2{font-size:22px}.lede{font-size:18px}section{margin-top:44px}figure{padding:14px 12px 12px}.tiles{grid-template-columns:1fr 1fr}.tiles .value{font-size:23px}}
@media print{body{max-width:none;padding:0;font-size:11pt;background:#fff}nav,.layers,script{display:none}section{margin-top:24pt}.figures,.beside{display:block!important}figure{margin:0 0 12pt;padding:10pt}.panels{grid-template-columns:1fr 1fr}.wide .picture{max-width:500px}.full .wide .picture{max-width:none}.scroll{overflow:visible}.words td:nth-child(n+8){display:none}figure,.tiles,tr,.about,.panels svg{break-inside:avoid}h2,.about,h3{break-after:avoid}*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
`;

/** The style sheet of the page: light, and dark where the reader prefers it on a screen. */
export const pageStyle = (): string => `${LIGHT}\n@media screen and (prefers-color-scheme:dark){${DARK}}\n${PICTURES}${LAYOUT}`;

/** The style sheet of a picture on its own. */
export const pictureStyle = (): string => `${LIGHT}\n@media screen and (prefers-color-scheme:dark){${DARK}}\n${PICTURES}.picture{background:var(--card)}`;

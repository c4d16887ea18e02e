/** Against a server on this machine that answers as the Hub does. */
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile, readdir, mkdir } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { disposeParameters, isMoekitError } from "@moekit/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadModel } from "../checkpoint/load-model.js";
import { fixtureFolder, useBackend } from "../testing/fixtures.js";
import { resolveCheckpoint, type ResolveOptions } from "./resolve-checkpoint.js";

const SHA = "0123456789abcdef0123456789abcdef01234567";
const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
const gitId = (bytes: Buffer) => createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");

let folder: string;
let server: Server;
let files: Record<string, Buffer>;
let ranges: string[];
/** Closes the connection after this many bytes of a large file. */
let breakAfter: number;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "moekit-hub-"));
  files = { "config.json": await readFile(join(fixtureFolder("olmoe"), "config.json")), "model.safetensors": await readFile(join(fixtureFolder("olmoe"), "model.safetensors")), "README.md": Buffer.from("no") };
  [ranges, breakAfter] = [[], Infinity];
  server = createServer((request, response) => {
    const url = new URL(request.url!, "http://hub");
    if (url.pathname.startsWith("/api/models/me/tiny/revision/")) return response.setHeader("content-type", "application/json").end(JSON.stringify({ id: "me/tiny", sha: SHA }));
    if (url.pathname === `/api/models/me/tiny/tree/${SHA}`) return response.setHeader("content-type", "application/json").end(JSON.stringify(Object.entries(files).map(entryOf)));
    const name = url.pathname.replace(`/me/tiny/resolve/${SHA}/`, "");
    const bytes = files[name];
    if (!bytes) return response.writeHead(url.pathname.includes("gated") ? 401 : 404).end();
    const [, from, to] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? "bytes=0-")!;
    const part = bytes.subarray(Number(from), to ? Number(to) + 1 : undefined);
    if (name === "model.safetensors" && part.length > 1) ranges.push(request.headers.range ?? "all");
    response.writeHead(206, { etag: '"x"', "content-range": `bytes ${from}-${Number(from) + part.length - 1}/${bytes.length}`, "content-length": part.length });
    if (part.length <= breakAfter) return response.end(part);
    response.write(part.subarray(0, breakAfter), () => setTimeout(() => response.destroy(), 20));
  });
  await new Promise<void>((done) => server.listen(0, done));
});
afterEach(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

const entryOf = ([path, bytes]: [string, Buffer]) => ({ type: "file", path, size: bytes.length, oid: gitId(bytes), ...(path.endsWith(".safetensors") && { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 130 } }) });
const hub = (): ResolveOptions => ({ cacheDir: join(folder, "cache"), hubUrl: `http://localhost:${(server.address() as AddressInfo).port}` });
const refusal = async (promise: Promise<unknown>) => {
  const error = await promise.catch((reason: unknown) => reason);
  expect(isMoekitError(error, "checkpoint")).toBe(true);
  return (error as Error).message;
};

describe("resolveCheckpoint", () => {
  it("leaves paths alone", async () => {
    expect(await resolveCheckpoint(fixtureFolder("olmoe"))).toBe(fixtureFolder("olmoe"));
  });

  it("downloads a model once, without what is not needed, into the layout of Hugging Face's tools", async () => {
    const seen = new Map<string, number>();
    const path = await resolveCheckpoint("me/tiny", { ...hub(), onProgress: ({ path, bytes, size }) => seen.set(path, bytes / size) });
    expect(path).toBe(join(folder, "cache", "models--me--tiny", "snapshots", SHA));
    expect((await readdir(path)).sort()).toEqual(["config.json", "model.safetensors"]);
    expect(await readFile(join(path, "model.safetensors"))).toEqual(files["model.safetensors"]);
    expect(await readFile(join(folder, "cache", "models--me--tiny", "refs", "main"), "utf8")).toBe(SHA);
    expect([...seen.values()]).toEqual([1, 1]);
    await useBackend("cpu");
    disposeParameters(await loadModel(path));
    const before = ranges.length;
    await resolveCheckpoint("me/tiny", hub());
    expect(ranges.length).toBe(before);
  });

  it("goes on where it was interrupted", async () => {
    breakAfter = 50_000;
    await expect(resolveCheckpoint("me/tiny", hub())).rejects.toThrow();
    breakAfter = Infinity;
    const path = await resolveCheckpoint("me/tiny", hub());
    expect(ranges.at(-1)).toMatch(/^bytes=[1-9]\d*-/);
    expect(await readFile(join(path, "model.safetensors"))).toEqual(files["model.safetensors"]);
  });

  it("throws a damaged file away", async () => {
    const blobs = join(folder, "cache", "models--me--tiny", "blobs");
    await mkdir(blobs, { recursive: true });
    await writeFile(join(blobs, `${sha256(files["model.safetensors"]!)}.incomplete`), "wrong from the start");
    expect(await refusal(resolveCheckpoint("me/tiny", hub()))).toContain("model.safetensors arrived damaged");
    expect((await readdir(blobs)).filter((name) => name.endsWith(".incomplete"))).toEqual([]);
    await resolveCheckpoint("me/tiny", hub());
  });

  it("offline, takes what the cache has, and else says what to do", async () => {
    const online = hub();
    const path = await resolveCheckpoint("me/tiny", online);
    const offline = { ...online, hubUrl: "http://localhost:9" };
    expect(await resolveCheckpoint("me/tiny", offline)).toBe(path);
    const message = await refusal(resolveCheckpoint("me/other", offline));
    expect(message).toContain("cannot be reached");
    expect(message).toContain("pass the path of its folder");
  });

  it.each([
    ["me/tiny/model.gguf", "has no model.gguf"],
    ["me/none", "the Hub has no model me/none"],
    ["no-such-folder", 'there is no file or folder "no-such-folder"'],
    ["../up/there", "there is no file or folder"],
    ["a/b/c.bin", "not an id of the Hub"],
  ])("refuses %s", async (name, message) => {
    expect(await refusal(resolveCheckpoint(name, hub()))).toContain(message);
  });
});

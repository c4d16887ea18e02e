import { join } from "node:path";
import { downloadFile, listFiles, modelInfo, type ListFileEntry } from "@huggingface/hub";
import { CheckpointError } from "@moekit/core";
import { exists } from "../io/exists.js";
import { download, type RemoteFile } from "./download.js";
import { HubCache } from "./hub-cache.js";
import { parseHubId, type HubId } from "./hub-id.js";

/**
 * How {@link resolveCheckpoint} finds a model.
 * @example const options: ResolveOptions = { revision: "main", onProgress: ({ path, bytes, size }) => console.log(path, bytes / size) };
 */
export interface ResolveOptions {
  /** Branch, tag or commit. @defaultValue "main" */
  readonly revision?: string;
  /** Where downloads are kept. @defaultValue the cache of Hugging Face's tools (`HF_HUB_CACHE`, `HF_HOME`, `~/.cache/huggingface/hub`) */
  readonly cacheDir?: string;
  /** For models that need permission. @defaultValue the environment's `HF_TOKEN` */
  readonly accessToken?: string;
  /** Another server with the Hub's interface. @defaultValue the environment's `HF_ENDPOINT`, or the Hub */
  readonly hubUrl?: string;
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Stops between two pieces; what has arrived is kept for the next attempt. */
  readonly signal?: AbortSignal;
}

/**
 * How far the download of one file is.
 * @example const done = ({ bytes, size }: DownloadProgress) => bytes === size;
 */
export interface DownloadProgress {
  readonly path: string;
  readonly bytes: number;
  readonly size: number;
}

/** What a model folder needs; weights of other frameworks and pictures stay where they are. */
const WANTED = /^[^/]+\.(safetensors|json|jinja)$/;

/**
 * The folder or `.gguf` file that a text names: a path as it is, or a model of the Hugging Face Hub (`owner/name`,
 * `owner/name/file.gguf`), downloaded once into the cache that Hugging Face's own tools share.
 *
 * Downloads go on where they were interrupted, and their checksums are compared. Without a network, what the cache has is used.
 *
 * @returns A path for {@link loadModel}.
 * @throws CheckpointError if there is no such model, it cannot be reached and is not in the cache, or a file arrives damaged.
 * @example const model = await loadModel(await resolveCheckpoint("allenai/OLMoE-1B-7B-0924"));
 */
export async function resolveCheckpoint(name: string, options: ResolveOptions = {}): Promise<string> {
  if (await exists(name)) return name;
  const id = parseHubId(name);
  const { revision = "main", cacheDir } = options;
  const cache = new HubCache(id.repo, cacheDir);
  const remote = { revision, accessToken: options.accessToken ?? process.env.HF_TOKEN, hubUrl: options.hubUrl ?? process.env.HF_ENDPOINT };
  try {
    const { sha } = await modelInfo({ ...remote, name: id.repo, additionalFields: ["sha"] });
    await fetchSnapshot(id, cache, { ...remote, revision: sha }, options);
    await cache.remember(revision, sha);
    return join(cache.snapshot(sha), id.file ?? "");
  } catch (cause) {
    if (!isOffline(cause)) throw explain(id, cause);
    return cached(id, cache, revision, cause);
  }
}

interface Remote {
  readonly revision: string;
  readonly accessToken?: string;
  readonly hubUrl?: string;
}

async function fetchSnapshot(id: HubId, cache: HubCache, remote: Remote, { onProgress, signal }: ResolveOptions): Promise<void> {
  const entries: ListFileEntry[] = [];
  for await (const entry of listFiles({ ...remote, repo: id.repo, recursive: id.file !== undefined })) if (entry.type === "file" && isWanted(id, entry.path)) entries.push(entry);
  if (!entries.some(({ path }) => path === id.file || path.endsWith(".safetensors"))) throw new CheckpointError(`resolveCheckpoint: ${id.repo} has no ${id.file ?? "safetensors files"}.`);
  for (const entry of entries) {
    signal?.throwIfAborted();
    const file = remoteFile(id, entry, remote);
    await download(file, cache.blob(file.hash), { signal, onBytes: (bytes) => onProgress?.({ path: entry.path, bytes, size: entry.size }) });
    await cache.link(remote.revision, entry.path, file.hash);
  }
}

const isWanted = ({ file }: HubId, path: string): boolean => (file === undefined ? WANTED.test(path) : path === file);

function remoteFile({ repo }: HubId, { path, size, oid, lfs }: ListFileEntry, remote: Remote): RemoteFile {
  const [hash, algorithm] = lfs ? [lfs.oid, "sha256" as const] : [oid, "git" as const];
  if (!hash || !/^[0-9a-f]{40,64}$/.test(hash)) throw new CheckpointError(`resolveCheckpoint: the Hub gives no checksum for ${path}.`);
  const open = async (start: number): Promise<Blob> => {
    const blob = await downloadFile({ ...remote, repo, path });
    if (!blob) throw new CheckpointError(`resolveCheckpoint: ${repo} no longer has ${path}.`);
    return start > 0 ? blob.slice(start) : blob;
  };
  return { path, size, hash, algorithm, open };
}

/** What an earlier download left, where the Hub cannot be asked. */
async function cached(id: HubId, cache: HubCache, revision: string, cause: unknown): Promise<string> {
  const commit = await cache.commitOf(revision);
  const found = commit !== undefined && (id.file ? await cache.has(commit, id.file) : await cache.hasWeights(commit));
  if (found) return join(cache.snapshot(commit), id.file ?? "");
  const advice = "Connect, or download it on another machine and pass the path of its folder.";
  throw new CheckpointError(`resolveCheckpoint: there is no file or folder "${id.repo}${id.file ? `/${id.file}` : ""}", the Hugging Face Hub cannot be reached (${(cause as Error).message}), and the cache does not have it. ${advice}`, { cause });
}

/** True for failures of the network, not for answers of the Hub. */
function isOffline(error: unknown): boolean {
  return error instanceof TypeError && error.message.includes("fetch failed");
}

function explain({ repo }: HubId, error: unknown): unknown {
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  if (status === 401 || status === 403) return new CheckpointError(`resolveCheckpoint: ${repo} does not exist or needs permission. Accept its terms on the Hub, and set HF_TOKEN.`, { cause: error });
  if (status === 404) return new CheckpointError(`resolveCheckpoint: the Hub has no model ${repo} at this revision.`, { cause: error });
  return error;
}

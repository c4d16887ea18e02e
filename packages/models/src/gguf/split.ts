import { CheckpointError } from "@moekit/core";
import { fileSource, type ByteSource } from "../io/byte-source.js";
import { readHeader, type GgufHeader, type GgufTensorInfo } from "./header.js";

/** Bytes with the header that describes them. */
export interface Described {
  readonly source: ByteSource;
  readonly header: GgufHeader;
}

/** More than any model has; a hostile file could name any number. */
const MAX_PARTS = 1000;

/**
 * The parts of a model that is split over files, as if they were one file; a model in one file as it is. The first part
 * has the metadata.
 * @throws CheckpointError if `path` is not the first part, or a part is missing or of another model. All files are closed then.
 */
export async function withOtherParts(path: string, first: Described): Promise<Described> {
  const count = first.header.metadata.count("split.count", 1);
  if (count <= 1) return first;
  const parts = [first];
  try {
    for (const other of otherPaths(path, first, count)) parts.push(await openPart(other, parts.length, count));
    return { source: joined(parts.map(({ source }) => source)), header: { ...first.header, tensors: allTensors(path, parts) } };
  } catch (error) {
    await Promise.all(parts.map(({ source }) => source.close()));
    throw error;
  }
}

function otherPaths(path: string, { header }: Described, count: number): string[] {
  const fail = (problem: string): never => {
    throw new CheckpointError(`readGguf: ${path}: ${problem}`);
  };
  if (count > MAX_PARTS) fail(`split.count is ${count}; at most ${MAX_PARTS} are allowed.`);
  const pad = (number: number) => String(number).padStart(5, "0");
  const ending = `-${pad(1)}-of-${pad(count)}.gguf`;
  if (header.metadata.count("split.no") !== 0 || !path.endsWith(ending)) fail(`this is part ${header.metadata.count("split.no") + 1} of ${count}. Pass the first part, whose name ends in ${ending}.`);
  return Array.from({ length: count - 1 }, (_, i) => `${path.slice(0, -ending.length)}-${pad(i + 2)}-of-${pad(count)}.gguf`);
}

async function openPart(path: string, index: number, count: number): Promise<Described> {
  const source = await fileSource(path);
  try {
    const header = await readHeader(source);
    const [found, of] = [header.metadata.count("split.no"), header.metadata.count("split.count")];
    if (found !== index || of !== count) throw new CheckpointError(`readGguf: ${path} says that it is part ${found + 1} of ${of}; ${index + 1} of ${count} is expected.`);
    return { source, header };
  } catch (error) {
    await source.close();
    throw error;
  }
}

function allTensors(path: string, parts: readonly Described[]): Map<string, GgufTensorInfo> {
  const tensors = new Map<string, GgufTensorInfo>();
  let start = 0;
  for (const { source, header } of parts) {
    for (const [name, info] of header.tensors) {
      if (tensors.has(name)) throw new CheckpointError(`readGguf: ${path}: two parts have the tensor "${name}".`);
      tensors.set(name, { ...info, begin: start + info.begin, end: start + info.end });
    }
    start += source.size;
  }
  const expected = parts[0]!.header.metadata.count("split.tensors.count", tensors.size);
  if (expected !== tensors.size) throw new CheckpointError(`readGguf: ${path}: the parts have ${tensors.size} tensors; ${expected} are expected.`);
  return tensors;
}

/** One after the other. No tensor lies in two of them. */
function joined(sources: readonly ByteSource[]): ByteSource {
  const starts: number[] = [];
  const size = sources.reduce((start, source) => (starts.push(start), start + source.size), 0);
  const partAt = (position: number) => starts.findLastIndex((start) => start <= position);
  return {
    name: sources[0]!.name,
    size,
    close: async () => void (await Promise.all(sources.map((source) => source.close()))),
    async read(target, position) {
      const index = partAt(position);
      await sources[index]!.read(target, position - starts[index]!);
    },
    readSync(target, position) {
      const index = partAt(position);
      sources[index]!.readSync(target, position - starts[index]!);
    },
  };
}

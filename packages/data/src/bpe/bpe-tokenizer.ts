import { ConfigError, DataError } from "@moekit/core";
import { toAlphabet } from "./byte-alphabet.js";
import { byteKey, concatBytes } from "./bytes.js";
import { preTokenize } from "./pre-tokenize.js";
import { replacePair } from "./pair-counts.js";
import { toTokenizerJson, type TokenizerJson } from "./tokenizer-json.js";

/**
 * Two token ids that are joined, in the order of learning.
 * @example const merge: Merge = [105, 111];
 */
export type Merge = readonly [left: number, right: number];

const NUM_BYTES = 256;
/** Words remembered with their tokens; a bound, so that endless input does not fill the memory. */
const CACHE_LIMIT = 500_000;

/**
 * A byte-level BPE tokenizer: any text goes in, and comes out again.
 *
 * Ids and text are those of Hugging Face tokenizers that load {@link BpeTokenizer.toJSON}. Special tokens written out in a
 * text become their ids.
 *
 * @example
 * const tokenizer = trainBpe(texts, { vocabSize: 1024 });
 * writeFileSync("tokenizer.json", JSON.stringify(tokenizer));
 */
export class BpeTokenizer {
  /** The bytes of each token; special tokens have none. */
  readonly tokenBytes: readonly Uint8Array[];
  private readonly ranks = new Map<number, { rank: number; id: number }>();
  private readonly cache = new Map<string, readonly number[]>();
  private readonly specials: RegExp | undefined;

  /**
   * @param merges - Best first. Ids count special tokens, then 256 bytes, then merges that make a new token.
   * @throws ConfigError if a special token is spelled like an ordinary one; DataError if a merge names an id not yet made.
   */
  constructor(
    readonly specialTokens: readonly string[],
    readonly merges: readonly Merge[],
  ) {
    this.tokenBytes = this.learn();
    const ordinary = new Set(this.tokenBytes.map(toAlphabet));
    const clash = specialTokens.find((token) => ordinary.has(token));
    if (clash !== undefined) throw new ConfigError(`BpeTokenizer: special token "${clash}" is spelled like an ordinary token; write it as <|${clash}|>.`);
    this.specials = specialPattern(specialTokens);
  }

  /** Ids from 0 to `vocabSize - 1`. */
  get vocabSize(): number {
    return this.tokenBytes.length;
  }

  /** The id of a special token; undefined if there is none of this name. */
  idOf(token: string): number | undefined {
    const id = this.specialTokens.indexOf(token);
    return id < 0 ? undefined : id;
  }

  /** Token ids of a text. */
  encode(text: string): number[] {
    const ids: number[] = [];
    for (const section of this.specials ? text.split(this.specials) : [text]) {
      const special = this.idOf(section);
      if (special !== undefined) ids.push(special);
      else for (const word of preTokenize(section)) for (const id of this.word(word)) ids.push(id);
    }
    return ids;
  }

  /**
   * The text of token ids; special tokens are left out, bytes that are not UTF-8 become U+FFFD.
   * @throws DataError if an id is not in the vocabulary.
   */
  decode(ids: readonly number[]): string {
    const bytes = concatBytes(ids.map((id) => this.tokenBytes[id] ?? this.unknown(id)));
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  }

  /** The content of a Hugging Face `tokenizer.json`; `JSON.stringify(tokenizer)` calls it. */
  toJSON(): TokenizerJson {
    return toTokenizerJson(this);
  }

  private learn(): Uint8Array[] {
    const bytes: Uint8Array[] = this.specialTokens.map(() => new Uint8Array(0));
    for (let byte = 0; byte < NUM_BYTES; byte++) bytes.push(Uint8Array.of(byte));
    const known = new Map(bytes.map((token, id) => [byteKey(token), id]));
    this.merges.forEach(([left, right], rank) => {
      const token = concatBytes([bytes[left] ?? this.unknown(left), bytes[right] ?? this.unknown(right)]);
      const id = known.get(byteKey(token)) ?? bytes.push(token) - 1;
      known.set(byteKey(token), id);
      this.ranks.set(pairKey(left, right), { rank, id });
    });
    return bytes;
  }

  private word(word: string): readonly number[] {
    const known = this.cache.get(word);
    if (known) return known;
    const ids = this.mergeWord(Array.from(new TextEncoder().encode(word), (byte) => this.specialTokens.length + byte));
    if (this.cache.size < CACHE_LIMIT) this.cache.set(word, ids);
    return ids;
  }

  /** Applies the merge learned first among those possible, at all its places, until none is possible. */
  private mergeWord(bytes: readonly number[]): readonly number[] {
    for (let ids = bytes; ; ) {
      let [left, right, best] = [0, 0, { rank: Infinity, id: 0 }];
      for (let i = 1; i < ids.length; i++) {
        const found = this.ranks.get(pairKey(ids[i - 1]!, ids[i]!));
        if (found && found.rank < best.rank) [left, right, best] = [ids[i - 1]!, ids[i]!, found];
      }
      if (best.rank === Infinity) return ids;
      ids = replacePair(ids, left, right, best.id);
    }
  }

  private unknown(id: number): never {
    throw new DataError(`BpeTokenizer: id ${id} is not in the vocabulary.`);
  }
}

const pairKey = (left: number, right: number): number => left * 2 ** 20 + right;

/** Longest first, so that of two special tokens one of which starts the other the longer one is found. */
function specialPattern(specialTokens: readonly string[]): RegExp | undefined {
  if (specialTokens.length === 0) return undefined;
  const longestFirst = [...specialTokens].sort((a, b) => b.length - a.length);
  return new RegExp(`(${longestFirst.map((token) => token.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join("|")})`);
}

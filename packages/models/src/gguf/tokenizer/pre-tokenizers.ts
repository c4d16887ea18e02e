/** How the pre-tokenizers that GGUF files name cut text into words, and what else goes with each name. */

/** Facts behind a `tokenizer.ggml.pre`. */
export interface PreTokenizer {
  /** Cut one after the other: what matches is a piece, what lies between is one too. */
  readonly patterns: readonly string[];
  /** A word that is a token as a whole is not put together from parts. */
  readonly ignoreMerges?: boolean;
  /** Characters are composed first. */
  readonly compose?: boolean;
  /** Texts begin with the first token unless the file says otherwise. */
  readonly addBos?: boolean;
}

/** What stands after an apostrophe. */
export const CONTRACTIONS = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";
const SPACES = String.raw`\s*[\r\n]+|\s+(?!\S)|\s+`;
/** The words of GPT-2. */
export const GPT2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;
const words = (digits: string) => String.raw`${CONTRACTIONS}|[^\r\n\p{L}\p{N}]?\p{L}+|${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|${SPACES}`;
const [LOWER, UPPER] = [String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`, String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`];
const cased = (suffix: string, digits: string) =>
  String.raw`[^\r\n\p{L}\p{N}]?${UPPER}*${LOWER}+${suffix}|[^\r\n\p{L}\p{N}]?${UPPER}+${LOWER}*${suffix}|${digits}| ?[^\s\p{L}\p{N}]+[\r\n/]*|${SPACES}`;
const ONE_TO_THREE = String.raw`\p{N}{1,3}`;
const ONE = String.raw`\p{N}`;
const KANA_AND_HAN = String.raw`[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+`;
const DEEPSEEK_V3 = [ONE_TO_THREE, KANA_AND_HAN, String.raw`[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_\u0060{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|${SPACES}`];
/** Letters of scripts with case, as DeepSeek lists them. */
const DEEPSEEK_LETTERS = String.raw`\s?[A-Za-z\u{b5}\u{c0}-\u{d6}\u{d8}-\u{f6}\u{f8}-\u{1ba}\u{1bc}-\u{1bf}\u{1c4}-\u{293}\u{295}-\u{2af}\u{370}-\u{373}\u{376}\u{377}\u{37b}-\u{37d}\u{37f}\u{386}\u{388}-\u{38a}\u{38c}\u{38e}-\u{3a1}\u{3a3}-\u{3f5}\u{3f7}-\u{481}\u{48a}-\u{52f}\u{531}-\u{556}\u{10a0}-\u{10c5}\u{13a0}-\u{13f5}\u{13f8}-\u{13fd}\u{1c90}-\u{1cba}\u{1cbd}-\u{1cbf}\u{1d00}-\u{1d2b}\u{1d6b}-\u{1d77}\u{1d79}-\u{1d9a}\u{1e00}-\u{1f15}\u{1f18}-\u{1f1d}\u{1f20}-\u{1f45}\u{1f48}-\u{1f4d}\u{1f50}-\u{1f57}\u{1f59}\u{1f5b}\u{1f5d}\u{1f5f}-\u{1f7d}\u{1f80}-\u{1fb4}\u{1fb6}-\u{1fbc}\u{1fbe}\u{1fc2}-\u{1fc4}\u{1fc6}-\u{1fcc}\u{1fd0}-\u{1fd3}\u{1fd6}-\u{1fdb}\u{1fe0}-\u{1fec}\u{1ff2}-\u{1ff4}\u{1ff6}-\u{1ffc}\u{2102}\u{2107}\u{210a}-\u{2113}\u{2115}\u{2119}-\u{211d}\u{2124}\u{2126}\u{2128}\u{212a}-\u{212d}\u{212f}-\u{2134}\u{2139}\u{213c}-\u{213f}\u{2145}-\u{2149}\u{214e}\u{2183}\u{2184}\u{2c00}-\u{2c7b}\u{2c7e}-\u{2ce4}\u{2ceb}-\u{2cee}\u{2cf2}\u{2cf3}\u{a640}-\u{a66d}\u{a680}-\u{a69b}\u{a722}-\u{a76f}\u{a771}-\u{a787}\u{a78b}-\u{a78e}\u{ab70}-\u{abbf}\u{fb00}-\u{fb06}\u{fb13}-\u{fb17}\u{ff21}-\u{ff3a}\u{ff41}-\u{ff5a}\u{10400}-\u{1044f}\u{104b0}-\u{104d3}\u{104d8}-\u{104fb}\u{10c80}-\u{10cb2}\u{10cc0}-\u{10cf2}\u{118a0}-\u{118df}\u{1e900}-\u{1e943}]+`;
const DEEPSEEK = [String.raw`[\r\n]`, DEEPSEEK_LETTERS, String.raw`\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+`, String.raw`\s+$`, String.raw`[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+`, String.raw`\p{N}+`];
const DEEPSEEK_CODER = [String.raw`[\r\n]`, String.raw`\s?\p{L}+`, String.raw`\s?\p{P}+`, String.raw`[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+`, ONE];

const gpt2: PreTokenizer = { patterns: [GPT2] };
const digitByDigit: PreTokenizer = { patterns: [ONE, GPT2] };
const llama3: PreTokenizer = { patterns: [words(ONE_TO_THREE)], ignoreMerges: true, addBos: true };
const wordsOfThree: PreTokenizer = { patterns: [words(ONE_TO_THREE)] };
const qwen2: PreTokenizer = { patterns: [words(ONE)], compose: true };
const o200k: PreTokenizer = { patterns: [cased(`${CONTRACTIONS}?`, ONE_TO_THREE)] };

/** By the name in the file. */
export const PRE_TOKENIZERS: Readonly<Record<string, PreTokenizer>> = {
  "gpt-2": gpt2,
  olmo: gpt2,
  mpt: gpt2,
  "phi-2": gpt2,
  refact: digitByDigit,
  starcoder: digitByDigit,
  smollm: digitByDigit,
  "command-r": digitByDigit,
  "llama-bpe": llama3,
  llama3,
  "llama-v3": llama3,
  dbrx: wordsOfThree,
  "smaug-bpe": wordsOfThree,
  glm4: wordsOfThree,
  "chatglm-bpe": wordsOfThree,
  qwen2,
  "deepseek-r1-qwen": qwen2,
  stablelm2: { patterns: [words(ONE)] },
  hunyuan: { patterns: [words(ONE)] },
  "gpt-4o": o200k,
  llama4: o200k,
  tekken: { patterns: [cased("", ONE)], ignoreMerges: true, addBos: true },
  "deepseek-llm": { patterns: DEEPSEEK },
  "deepseek-coder": { patterns: DEEPSEEK_CODER },
  "deepseek-v3": { patterns: DEEPSEEK_V3 },
  "hunyuan-dense": { patterns: DEEPSEEK_V3 },
};

import { disposeParameters } from "@moekit/core";
import { generate, generateFromEncoder, isEncoderDecoder, loadEncoderDecoder, loadModel, readConfigOf, type GenerateOptions, type LoadOptions } from "@moekit/models";

/** A model that writes token ids. */
export interface Writer {
  /** True if it answers a text instead of going on with it. */
  readonly answers: boolean;
  write(ids: readonly number[], options: GenerateOptions): AsyncGenerator<number, void, undefined>;
  dispose(): void;
}

/** Loads a decoder, which goes on with a text, or an encoder-decoder, which answers it. */
export async function loadWriter(path: string, options: LoadOptions): Promise<Writer> {
  if (!isEncoderDecoder(await readConfigOf(path))) {
    const model = await loadModel(path, options);
    return { answers: false, write: (ids, how) => generate(model, ids, how), dispose: () => disposeParameters(model) };
  }
  const model = await loadEncoderDecoder(path, options);
  return { answers: true, write: (ids, how) => generateFromEncoder(model, ids, how), dispose: () => disposeParameters(model) };
}

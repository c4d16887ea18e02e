import { selectBackend, type BackendName } from "@moekit/backend";
import { convertCheckpoint, type ConversionTarget, type GgufExportType } from "@moekit/models";
import { checkpointPath } from "../terminal/checkpoint-path.js";
import { backendFlag, command } from "../terminal/command.js";
import { UsageError } from "../terminal/exit-codes.js";
import { interruptible } from "../terminal/interruptible.js";
import { DTYPES, formatByName, PACKED_FORMATS } from "../terminal/number-formats.js";
import { progressBar } from "../terminal/progress-bar.js";

const TYPES = ["f32", ...PACKED_FORMATS] as const satisfies readonly GgufExportType[];

export const convert = command({
  name: "convert",
  description: "Turn a checkpoint into a Hugging Face folder or a GGUF file",
  args: {
    model: { type: "positional", required: true, description: "Folder of a checkpoint, a .gguf file, or an id of the Hugging Face Hub" },
    out: { type: "string", required: true, valueHint: "path", description: "Folder, or .gguf file, to write" },
    to: { type: "enum", required: true, options: ["safetensors", "gguf"], description: "Format to write" },
    quantize: { type: "string", valueHint: "type", description: `Type of the matrices in a GGUF file: ${TYPES.join(", ")}; f32 by default` },
    dtype: { type: "enum", options: Object.keys(DTYPES), description: "Format of the numbers in a Hugging Face folder; f32 by default" },
    ...backendFlag,
  },
  example: "moekit convert allenai/OLMoE-1B-7B-0924 --to gguf --quantize q4_K --out olmoe-q4_K.gguf",
  async run({ model, out, to, quantize, dtype, backend, json }, terminal) {
    const target = targetOf({ to, quantize, dtype });
    const path = await checkpointPath(model, terminal);
    // A backend with a kernel for it packs many times as fast.
    await selectBackend(backend as BackendName);
    let show: ((done: number) => void) | undefined;
    let tensors = 0;
    await interruptible(terminal, (signal) =>
      convertCheckpoint(path, out, target, {
        signal,
        onProgress(progress) {
          show ??= progressBar(terminal, "converting", progress.total);
          show((tensors = progress.tensors));
        },
      }),
    );
    terminal.write(json ? `${JSON.stringify({ out, ...target, tensors })}\n` : `${tensors} tensors in ${out}\n`);
  },
});

function targetOf({ to, quantize, dtype }: { to: string; quantize?: string; dtype?: string }): ConversionTarget {
  if (to === "safetensors") {
    if (quantize !== undefined) throw new UsageError("--quantize is for --to gguf; a Hugging Face folder takes --dtype");
    return { to, dtype: dtype === undefined ? undefined : DTYPES[dtype as keyof typeof DTYPES] };
  }
  if (dtype !== undefined) throw new UsageError("--dtype is for --to safetensors; a GGUF file takes --quantize");
  const type = quantize === undefined ? undefined : formatByName(TYPES, quantize);
  if (quantize !== undefined && !type) throw new UsageError(`--quantize must be one of ${TYPES.join(", ")}; got ${quantize}`);
  return { to: "gguf", quantize: type };
}

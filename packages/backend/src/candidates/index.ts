import type { Candidate } from "../types.js";
import { cpu } from "./cpu.js";
import { cuda } from "./cuda.js";
import { native } from "./native.js";
import { tensorflow } from "./tensorflow.js";
import { wasm } from "./wasm.js";
import { webgpu } from "./webgpu.js";

/** The fastest first. */
export const candidates: readonly Candidate[] = [cuda, webgpu, native, tensorflow, wasm, cpu];

import { existsSync } from "node:fs";
import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-cpu";
import { selectBackend } from "@moekit/backend";
import { REMOTE_CPU, registerRemoteCpu } from "./remote-cpu.js";

/** Where tests run: on plain backends of TensorFlow.js, and on those that `@moekit/backend` starts with their kernels. */
export type TestBackend = "cpu" | "wasm" | typeof REMOTE_CPU | "webgpu" | "native" | "tensorflow" | "cuda";

/** Those that every machine has: two whose tensors live in host memory, and one that hides them. */
export const PLAIN_BACKENDS = ["cpu", "wasm", REMOTE_CPU] as const;

/** Debian's chromium brings this driver, which runs WebGPU on the CPU. */
const SWIFTSHADER = "/usr/lib/chromium/vk_swiftshader_icd.json";

/**
 * Makes a backend the active one. `cpu`, `wasm` and `remote-cpu` come without kernels of moekit, so that ops run their
 * references until a test registers kernels; the others come as `selectBackend` starts them.
 *
 * @throws Error with the reason where the backend is not available.
 * @example beforeAll(() => useBackend("wasm"));
 */
export async function useBackend(name: TestBackend): Promise<void> {
  if (name === "wasm") await import("@tensorflow/tfjs-backend-wasm");
  if (name === REMOTE_CPU) registerRemoteCpu();
  if (name === "webgpu") await useWebgpu();
  else if (name === "cpu" || name === "wasm" || name === REMOTE_CPU) await tf.setBackend(name);
  else await selectBackend(name);
}

/**
 * Why a backend cannot run here, or undefined if it can. Leaves it active if it can.
 * @example const reason = await whyUnavailable("webgpu");
 */
export async function whyUnavailable(name: TestBackend): Promise<string | undefined> {
  try {
    await useBackend(name);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** The matrix product of tfjs for small outputs: its other one for tiny outputs takes SwiftShader 64 ms a call instead of 1.5. */
const SMALL_OUTPUT_PROGRAM = 2;

/**
 * Also small tensors must run through the shaders, which tfjs would otherwise compute on the CPU. Which of its four matrix
 * products tfjs chooses is tested apart, in core, with its flag at -1.
 */
async function useWebgpu(): Promise<void> {
  if (process.env.VK_DRIVER_FILES === undefined && existsSync(SWIFTSHADER)) process.env.VK_DRIVER_FILES = SWIFTSHADER;
  await selectBackend("webgpu");
  tf.env().set("WEBGPU_CPU_FORWARD", false);
  tf.env().set("WEBGPU_MATMUL_PROGRAM_TYPE", SMALL_OUTPUT_PROGRAM);
}

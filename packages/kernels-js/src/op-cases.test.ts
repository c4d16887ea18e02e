import { createRequire } from "node:module";
import { dirname } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { describe, expect, it } from "vitest";
import { allCases } from "../../core/src/ops/cases.js";
import type { HostArray, HostInputs } from "../../core/src/ops/op-case.js";
import { registerJsKernels } from "./index.js";

setWasmPaths(`${dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm"))}/`);
registerJsKernels("cpu");
registerJsKernels("wasm");
const up = (h: HostArray) => tf.tensor(h.dtype === "int32" ? Int32Array.from(h.data) : Float32Array.from(h.data), h.shape as number[], h.dtype);
const err = (got: ArrayLike<number>, want: Float64Array) => { let m = 0; expect(got.length).toBe(want.length); for (let i = 0; i < want.length; i++) if (got[i] !== want[i]) m = Math.max(m, Math.abs(got[i]! - want[i]!) / (1 + Math.abs(want[i]!))); return m; };
for (const b of ["cpu", "wasm"]) describe(b, () => { for (const c of allCases) it(`${b} ${c.name}`, async () => {
  await tf.setBackend(b);
  const host = c.inputs();
  const t0 = tf.memory().numTensors, d0 = tf.backend().numDataIds();
  tf.tidy(() => {
    const ins = Object.fromEntries(Object.entries(host).map(([k, v]) => [k, up(v)]));
    const out = c.op.run(ins as never, { ...c.attrs } as never);
    const want = c.reference(host, c.attrs ?? {});
    expect(out.length).toBe(want.length);
    out.forEach((o, i) => { expect(o.shape).toEqual(want[i]!.shape); expect(o.dtype).toBe(want[i]!.dtype); expect(err(o.dataSync(), want[i]!.data)).toBeLessThan(c.tolerance ?? 1e-5); });
    const d = c.differentiable ?? [];
    if (d.length === 0) return;
    const wts = want.map((w, j) => Float64Array.from(w.data, (_, i) => Math.fround(Math.sin(i * 1.3 + j))));
    const loss = (h: HostInputs) => c.reference(h, c.attrs ?? {}).reduce((s, o, j) => o.dtype === "int32" ? s : s + o.data.reduce((a, v, i) => a + v * wts[j]![i]!, 0), 0);
    const g = tf.grads((...xs: tf.Tensor[]) => {
      const o = c.op.run({ ...ins, ...Object.fromEntries(d.map((k, i) => [k, xs[i]!])) } as never, { ...c.attrs } as never);
      return tf.addN(o.flatMap((t, j) => t.dtype === "int32" ? [] : [tf.sum(tf.mul(t, tf.tensor(Float32Array.from(wts[j]!), t.shape)))]));
    })(d.map((k) => ins[k]!));
    d.forEach((k, gi) => {
      const x = host[k]!; const num = new Float64Array(x.data.length);
      for (let i = 0; i < num.length; i++) { const e = 1e-5; const at = (dx: number) => { const data = x.data.slice(); data[i]! += dx; return loss({ ...host, [k]: { ...x, data } }); }; num[i] = (at(e) - at(-e)) / (2 * e); }
      expect(g[gi]!.shape).toEqual(x.shape);
      expect(err(g[gi]!.dataSync(), num)).toBeLessThan(c.gradientTolerance ?? 1e-4);
    });
  });
  expect(tf.memory().numTensors).toBe(t0);
  expect(tf.backend().numDataIds()).toBe(d0);
}); });

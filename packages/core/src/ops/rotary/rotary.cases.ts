import { given, host } from "../host-loops.js";
import { type HostArray, type HostInputs, type OpCase, uniform } from "../op-case.js";
import { type RotaryLayout, rotaryOp } from "./rotary.js";

type Shape = readonly [number, number, number, number];

function rotaryCase(name: string, [B, S, H, d]: Shape, pairs: number, layout: RotaryLayout, { perSequence = false, ...extra }: Partial<OpCase> & { perSequence?: boolean } = {}): OpCase {
  const angles = uniform(perSequence ? [B, S, pairs] : [S, pairs], 2, 3);
  const table = (wave: (angle: number) => number): HostArray => ({ ...angles, data: angles.data.map((angle) => Math.fround(wave(angle))) });
  return {
    name: `rotary: ${name}`,
    op: rotaryOp,
    inputs: () => ({ x: uniform([B, S, H, d], 1), cos: table(Math.cos), sin: table(Math.sin) }),
    attrs: { layout },
    reference: (inputs) => [turnByLoop(inputs, layout)],
    differentiable: ["x"],
    ...extra,
  };
}

export const rotaryCases: OpCase[] = [
  rotaryCase("no tokens", [1, 0, 2, 4], 2, "half"),
  rotaryCase("halves", [2, 3, 2, 6], 3, "half"),
  rotaryCase("interleaved", [2, 3, 2, 6], 3, "interleaved"),
  rotaryCase("some dimensions pass, halves", [1, 5, 3, 7], 2, "half"),
  rotaryCase("some dimensions pass, interleaved", [1, 5, 3, 7], 2, "interleaved"),
  rotaryCase("positions by sequence", [3, 2, 1, 4], 2, "half", { perSequence: true }),
  rotaryCase("4 x 128 tokens, 8 heads of 64", [4, 128, 8, 64], 32, "half", { differentiable: [], bench: { flops: 3 * 4 * 128 * 8 * 64 } }),
];

function turnByLoop(inputs: HostInputs, layout: RotaryLayout): HostArray {
  const [x, cos, sin] = [given(inputs.x), given(inputs.cos), given(inputs.sin)];
  const [B, S, H, d] = x.shape as unknown as Shape;
  const pairs = cos.shape.at(-1)!;
  const y = host(x.shape, x.data.slice());
  for (let b = 0; b < B; b++)
    for (let s = 0; s < S; s++)
      for (let h = 0; h < H; h++)
        for (let p = 0; p < pairs; p++) {
          const start = ((b * S + s) * H + h) * d;
          const [i, j] = layout === "half" ? [start + p, start + pairs + p] : [start + 2 * p, start + 2 * p + 1];
          const angle = ((cos.shape.length === 3 ? b * S : 0) + s) * pairs + p;
          y.data[i] = x.data[i]! * cos.data[angle]! - x.data[j]! * sin.data[angle]!;
          y.data[j] = x.data[i]! * sin.data[angle]! + x.data[j]! * cos.data[angle]!;
        }
  return y;
}

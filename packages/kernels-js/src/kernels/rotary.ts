import type { JsKernels } from "../kernel.js";

/** Turns pairs of each head's first r dimensions by the angles of its position; x `[B, S, H, d]`, cos and sin `[S or B·S, r/2]`. */
export const rotaryKernels: JsKernels = {
  MoekitRotary: (host, { x, cos, sin }, { layout }) => {
    const y = host.allocate(x!.shape);
    const [from, to, c, s] = [host.floats(x!), host.floats(y), host.floats(cos!), host.floats(sin!)];
    const [, , H, d] = x!.shape as [number, number, number, number];
    const pairs = cos!.shape[cos!.shape.length - 1]!;
    const [apart, step] = layout === "half" ? [pairs, 1] : [1, 2];
    for (let head = 0, start = 0; start < from.length; head++, start += d) {
      const angles = (Math.floor(head / H) * pairs) % c.length;
      for (let pair = 0, i = start; pair < pairs; pair++, i += step) {
        const [a, b] = [from[i]!, from[i + apart]!];
        to[i] = a * c[angles + pair]! - b * s[angles + pair]!;
        to[i + apart] = a * s[angles + pair]! + b * c[angles + pair]!;
      }
      for (let i = start + 2 * pairs; i < start + d; i++) to[i] = from[i]!;
    }
    return [y];
  },
};

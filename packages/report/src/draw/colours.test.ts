import { describe, expect, test } from "vitest";
import { ratioScale, shareScale } from "./colour-scale.js";
import { diverging, expertPaint, luminance, paletteRules, sequential } from "./palette.js";

/** Contrast of WCAG 2: 21 is black on white. */
const contrast = (a: string, b: string) => (Math.max(luminance(a), luminance(b)) + 0.05) / (Math.min(luminance(a), luminance(b)) + 0.05);
const fills = (css: string, name: string) => [...css.matchAll(new RegExp(`^\\.${name}\\d+\\{fill:(#\\w+)`, "gm"))].map((match) => match[1]!);

describe("scales of colour", () => {
  test("ratios are neutral at 1, blue below, red above, and saturate at a quarter and four times", () => {
    const scale = ratioScale();
    expect(scale.paint(1)).toEqual({ class: "a0", fill: "#f4f4f1" });
    expect(scale.paint(4)).toEqual({ class: "a16", fill: "#b2182b" });
    expect(scale.paint(0.25)).toEqual({ class: "b16", fill: "#2166ac" });
    expect([scale.paint(100), scale.paint(0)]).toEqual([scale.paint(4), scale.paint(0.25)]);
    expect([0.25, 0.5, 1, 2, 4].map((ratio) => scale.position(ratio))).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(scale.invert(0.75)).toBeCloseTo(2, 12);
  });

  test("shares run from 0 to the largest", () => {
    const scale = shareScale(0.6, 0.125);
    expect([scale.position(0.3), scale.position(0.9), scale.invert(0.5)]).toEqual([0.5, 1, 0.3]);
    expect(scale.ticks.map(({ text }) => text)).toEqual(["0 %", "20 %", "40 %", "60 %"]);
    expect(shareScale(0).paint(0)).toEqual(sequential(0));
  });
});

describe("palette", () => {
  test("lightness is monotonic along every ramp, so that shades survive colour blindness and grey print", () => {
    const ramps = [sequential, (at: number) => diverging(at), (at: number) => diverging(-at)];
    for (const ramp of ramps) {
      const lightness = Array.from({ length: 17 }, (_, i) => luminance(ramp(i / 16).fill));
      lightness.forEach((value, i) => i && expect(value).toBeLessThan(lightness[i - 1]!));
    }
    const dark = fills(paletteRules("dark"), "s").map(luminance);
    dark.forEach((value, i) => i && expect(value).toBeGreaterThan(dark[i - 1]!));
  });

  test("ink on every expert's colour has at least the contrast of WCAG AA", () => {
    const [light, dark] = [fills(paletteRules("light"), "e"), fills(paletteRules("dark"), "e")];
    expect([light.length, dark.length]).toEqual([12, 12]);
    for (const color of light) expect(contrast(color, "#1a1e23")).toBeGreaterThan(4.5);
    for (const color of dark) expect(contrast(color, "#e9ebed")).toBeGreaterThan(4.5);
  });

  test("lines stand out from the card they are drawn on", () => {
    const lines = (theme: "light" | "dark") => [...paletteRules(theme).matchAll(/--c:(#\w+)/g)].map((match) => match[1]!);
    for (const color of lines("light")) expect(contrast(color, "#ffffff")).toBeGreaterThan(2.5);
    for (const color of lines("dark")) expect(contrast(color, "#1b1f24")).toBeGreaterThan(4.5);
  });

  test("experts past the twelfth repeat colours with another ring", () => {
    expect([0, 12, 24, 36].map((expert) => expertPaint(expert).class)).toEqual(["e0", "e0 ring1", "e0 ring2", "e0 ring3"]);
  });
});

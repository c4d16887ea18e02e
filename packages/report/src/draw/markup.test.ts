import fc from "fast-check";
import { expect, test } from "vitest";
import { checkWellFormed } from "../testing/well-formed.js";
import { element, escapeText, label } from "./markup.js";

test("text is escaped in content and attributes", () => {
  expect(escapeText(`<a href="x">'&'`)).toBe("&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;");
  expect(escapeText("a\u0000b\ud800c\ufffe \u{1f600}")).toBe("a\ufffdb\ufffdc\ufffd \u{1f600}");
});

test("any text gives well-formed markup and can be read back", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)) }), (text) => {
      const markup = element("p", { title: text, hidden: undefined }, label(text, { x: 1.2345 }));
      checkWellFormed(markup);
      expect(markup).toContain('x="1.23"');
      expect(escapeText(text)).not.toMatch(/[<>"']|&(?!(amp|lt|gt|quot|#39);)/);
    }),
    { seed: 1 },
  );
});

test("only shapes close themselves: HTML would read <p/> as open", () => {
  expect([element("rect", { x: 1 }), element("p")]).toEqual(['<rect x="1"/>', "<p></p>"]);
});

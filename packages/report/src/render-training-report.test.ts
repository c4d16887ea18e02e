import { describe, expect, test } from "vitest";
import { renderTrainingReport } from "./render-training-report.js";
import { sampleReport } from "./testing/sample-report.js";
import { brokenPart, checkWellFormed, HOSTILE } from "./testing/well-formed.js";

const body = (html: string) => /<body>([\s\S]*)<script>/.exec(html)![1]!;
const text = (html: string) => body(html).replace(/<[^>]+>/g, " ").replace(/\s+/g, " ");

describe("renderTrainingReport", () => {
  const html = renderTrainingReport(sampleReport());

  test("is one well-formed page that loads nothing", () => {
    checkWellFormed(body(html));
    expect(html).not.toMatch(/\b(src|href)="(?!#)|url\(|@import|<link/);
    expect(html.replace(/xmlns="[^"]+"/g, "")).not.toMatch(/https?:/);
    expect(brokenPart(body(html))).toBeUndefined();
  });

  test("says first what matters: the numbers of the headline, worked by hand", () => {
    // Last evaluation: 2 and 3 nats, 100 tokens and 400 bytes each: 2.5 nats, 2.5 / 4 / ln 2 = .9017 bits; the 5-gram has the same.
    const page = text(html);
    expect(page).toContain("A language model with 4 experts per layer, 2 for each token: 1.23 M parameters, of which a token meets 765 k. It read 60 k tokens in 60 steps in 4 min 12 s.");
    expect(page).toContain("Held-out text costs it 0.90 bits per byte, as many as the best baseline (5-gram: 0.90).");
    // exp(2.5)
    expect(page).toContain("Perplexity, held out 12.2 per token; 2.50 nats");
    // One bit in layer 0, none in layer 1.
    expect(page).toContain("Domain in the expert 0.50 bits");
  });

  test("shows loss, baselines, load, specialisation, ways, text, samples and facts, numbered in order", () => {
    const figures = [...html.matchAll(/<figcaption><b>(Figure \d+\. [^<]+)<\/b>/g)].map((match) => match[1]);
    expect(figures).toEqual(
      ["Loss", "Held-out perplexity by domain", "Bits per byte by domain", "Expert load over time", "MaxVio by layer", "Coefficient of variation by layer", "Load on held-out text", "Experts by domain", "Specialisation against chance", "Routing by token", "Tokens of each expert", "Ways through the layers", "Pairs of experts", "Router saturation", "Routed text"].map((name, i) => `Figure ${i + 1}. ${name}.`),
    );
    const targets = [...html.matchAll(/href="#([^"]+)"/g)].map((match) => match[1]);
    expect(targets).toEqual([...html.matchAll(/<section id="([^"]+)"/g)].map((match) => match[1]));
    expect(targets.length).toBe(8);
  });

  test("has a cell per layer, expert and stretch of steps, and outlines dead experts", () => {
    const figure = /<figure class="full">((?:(?!<figure)[\s\S])*)Expert load over time/.exec(html)![1]!;
    // 60 steps make 48 columns.
    expect(figure.match(/data-value=/g)!.length).toBe(2 * 4 * 48);
    // Expert 3 of layer 0 has 10 of about 1500 assignments in every step.
    expect(figure.match(/outlined/g)!.length).toBe(48);
  });

  test("bolds the better of model and baselines in the table", () => {
    const novel = /<th scope="row">novel<\/th>(.*?)<\/tr>/.exec(html)![1]!;
    // Bits per byte: nats / 4 / ln 2; perplexity: exp(nats).
    expect(novel).toBe("<td><b>0.721</b><small>7.389</small></td><td>1.262<small>33.12</small></td><td>0.902<small>12.18</small></td>");
  });

  test("escapes every text from outside", () => {
    for (const hostile of HOSTILE) {
      const page = renderTrainingReport(sampleReport(hostile));
      checkWellFormed(body(page));
      expect(page.match(/<script>/g)!.length).toBe(1);
      expect(page).not.toMatch(/<img|<!--/);
    }
    expect(html).toContain("&lt;Ishmael&gt;");
    expect(html).toContain(" a &lt;whale&gt; &amp; more");
  });

  test("is the same each time, also from JSON", () => {
    expect(renderTrainingReport(JSON.parse(JSON.stringify(sampleReport())))).toBe(html);
  });
});

describe("reports that lack something", () => {
  const { title, model, steps } = sampleReport();

  test("one step without evaluation or routing is a short page", () => {
    const html = renderTrainingReport({ title, model, machine: { backend: "cpu" }, steps: steps.slice(0, 1) });
    checkWellFormed(body(html));
    expect(brokenPart(body(html))).toBeUndefined();
    expect([...html.matchAll(/<section id="([^"]+)"/g)].map((match) => match[1])).toEqual(["learning", "balance", "facts"]);
  });

  test("a dense model has no experts to speak of", () => {
    const dense = renderTrainingReport({ title, model: { parameters: 1e6, activeParameters: 1e6, numExperts: 0, topK: 0 }, machine: { backend: "cpu" }, steps: steps.map((step) => ({ ...step, layers: [] })) });
    expect(text(dense)).toContain("A dense language model with 1 M parameters. It read 60 k tokens in 60 steps.");
    expect([...dense.matchAll(/<section id="([^"]+)"/g)].map((match) => match[1])).toEqual(["learning", "facts"]);
    expect(brokenPart(body(dense))).toBeUndefined();
  });

  test("losses that are not finite and layers that routed nothing leave gaps", () => {
    const broken = steps.map((step, i) => ({ ...step, lmLoss: i % 2 ? NaN : step.lmLoss, layers: step.layers.map((layer) => ({ ...layer, counts: [0, 0, 0, 0] })) }));
    const html = renderTrainingReport({ ...sampleReport(), steps: broken });
    checkWellFormed(body(html));
    expect(brokenPart(body(html))).toBeUndefined();
    expect(text(html)).not.toContain("Imbalance (MaxVio)");
  });

  test("a domain that a baseline was not measured on is a dash", () => {
    const report = sampleReport();
    const html = renderTrainingReport({ ...report, baselines: report.baselines!.map(({ name, losses }) => ({ name, losses: losses.slice(0, 1) })) });
    expect(html).toContain("<td>–</td>");
    expect(brokenPart(body(html))).toBeUndefined();
  });

  test("no step, steps of two runs and saturation of another model are refused", () => {
    const report = sampleReport();
    expect(() => renderTrainingReport(JSON.parse("{}"))).toThrow("steps must have at least one record; got none.");
    expect(() => renderTrainingReport({ ...report, steps: [] })).toThrow("renderTrainingReport: steps must have at least one record; got none. Did the run write its metrics?");
    const other = { ...steps[1]!, layers: [{ layer: 0, counts: [1, 2] }] };
    expect(() => renderTrainingReport({ ...report, steps: [steps[0]!, other] })).toThrow("all steps must have the same layers and experts as step 1, [4, 4]; got [2] in step 2.");
    expect(() => renderTrainingReport({ ...report, saturation: [{ step: 1, layers: [1] }] })).toThrow("saturation must have one value for each of the 2 MoE layers; got 1 at step 1.");
  });
});

import { dotPlot } from "../charts/dot-plot.js";
import { element } from "../draw/markup.js";
import { fixed, listed, significant } from "../draw/numbers.js";
import { figure, responsive, table, type Section } from "../page/page.js";
import type { ReportLoss, TrainingReport } from "../training-report.js";
import { contenders, domainsOf, type Contender } from "./facts-of.js";

/** Bits per byte and perplexity by domain beside the baselines; undefined without evaluations. */
export function againstBaselines(report: TrainingReport): Section | undefined {
  const domains = domainsOf(report);
  if (domains.length === 0) return undefined;
  const rivals = contenders(report);
  const names = listed(rivals.slice(1).map(({ name }) => name));
  return {
    id: "held-out",
    title: names ? "Against n-grams" : "Held-out text",
    text: names
      ? `A model that cannot beat counting has learned little. The baselines (${names}) were made from the same training tokens and scored on exactly the same held-out targets.`
      : "Loss on held-out text of each domain after training.",
    body: [bitsFigure(domains, rivals), tables(domains, rivals)],
  };
}

function bitsFigure(domains: readonly string[], rivals: readonly Contender[]): string {
  const series = rivals.map(({ name, losses }, i) => ({ name, values: losses.map((loss) => loss?.bitsPerByte ?? NaN), emphasised: i === 0 }));
  const see = `Bits needed for a byte of held-out text; further left is better. ${rivals.length > 1 ? `The model is ahead of ${ahead(domains, rivals)}.` : ""}`;
  return figure("Bits per byte by domain", see, responsive((width) => dotPlot(series, { title: "Held-out text", rows: domains, xLabel: "bits per byte", width })));
}

/** Which baselines are beaten in how many domains. */
function ahead(domains: readonly string[], [model, ...others]: readonly Contender[]): string {
  return listed(
    others.map(({ name, losses }) => {
      const won = domains.filter((_, d) => (model!.losses[d]?.bitsPerByte ?? Infinity) < (losses[d]?.bitsPerByte ?? -Infinity)).length;
      return `the ${name} in ${won} of ${domains.length} domains`;
    }),
  );
}

function tables(domains: readonly string[], rivals: readonly Contender[]): string {
  const bits = lossTable("Bits per byte", domains, rivals, (loss) => loss.bitsPerByte, (value) => fixed(value, 3));
  const perplexity = lossTable("Perplexity per token", domains, rivals, (loss) => Math.exp(loss.nats), (value) => significant(value, 4));
  return element("figure", {}, [bits, "<br/>", perplexity, `<figcaption>Best value of each row in bold. “All” counts each token once.</figcaption>`]);
}

function lossTable(caption: string, domains: readonly string[], rivals: readonly Contender[], of: (loss: ReportLoss) => number, text: (value: number) => string): string {
  const rows = [...domains.map((name, d) => [name, rivals.map(({ losses }) => losses[d])] as const), ...(domains.length > 1 ? [["all", rivals.map(({ all }) => all)] as const] : [])];
  const cells = rows.map(([name, losses]) => {
    const values = losses.map((loss) => (loss ? of(loss) : NaN));
    const best = Math.min(...values.filter(Number.isFinite));
    return [name, ...values.map((value) => (value === best && rivals.length > 1 ? `<b>${text(value)}</b>` : Number.isFinite(value) ? text(value) : "–"))];
  });
  return table(["", ...rivals.map(({ name }) => name)], cells, caption);
}

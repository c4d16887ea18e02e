import { dotPlot } from "../charts/dot-plot.js";
import { element } from "../draw/markup.js";
import { fixed, listed, precise } from "../draw/numbers.js";
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
    body: [bitsFigure(domains, rivals), lossTable(domains, rivals)],
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

/** Bits per byte with the perplexity below it, best of each row in bold. */
function lossTable(domains: readonly string[], rivals: readonly Contender[]): string {
  const rows = domains.map((name, d) => lossRow(name, rivals.map(({ losses }) => losses[d])));
  const all = domains.length > 1 ? [lossRow("all", rivals.map((rival) => rival.all))] : [];
  return element("figure", {}, table(["", ...rivals.map(({ name }) => name)], [...rows, ...all], "Bits per byte, and below it perplexity per token"));
}

function lossRow(name: string, losses: readonly (ReportLoss | undefined)[]): string[] {
  const best = Math.min(...losses.flatMap((loss) => (loss && Number.isFinite(loss.bitsPerByte) ? [loss.bitsPerByte] : [])));
  const cells = losses.map((loss) => {
    if (!loss) return "–";
    const bits = fixed(loss.bitsPerByte, 3);
    return `${loss.bitsPerByte === best && losses.length > 1 ? `<b>${bits}</b>` : bits}<small>${precise(Math.exp(loss.nats), 4)}</small>`;
  });
  return [name, ...cells];
}

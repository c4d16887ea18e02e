import { checkReport } from "./check-report.js";
import { page } from "./page/page.js";
import { againstBaselines } from "./sections/against-baselines.js";
import { balance } from "./sections/balance.js";
import { headline } from "./sections/headline.js";
import { learning } from "./sections/learning.js";
import { specialisation } from "./sections/specialisation.js";
import { teamwork } from "./sections/teamwork.js";
import { colouredTexts, facts, samples } from "./sections/texts.js";
import type { TrainingReport } from "./training-report.js";

/**
 * The report of a training run as one HTML page that needs nothing else: the numbers that matter, loss curves, held-out text
 * beside baselines, expert load over time, specialisation against chance, ways through the layers, text coloured by expert,
 * samples and facts. Light and dark, for screens from 400 pixels and for paper. The same report gives the same page.
 *
 * @returns HTML.
 * @throws DataError if there is no step, or steps, routing and saturation do not fit each other.
 * @source Pictures and metrics follow Muennighoff et al. 2024 (OLMoE), arXiv:2409.02060, section 5.
 * @example writeFileSync("report.html", renderTrainingReport({ title: "Run 1", model, machine: { backend: "wasm" }, steps, evaluations }));
 */
export function renderTrainingReport(report: TrainingReport): string {
  checkReport(report);
  const sections = [learning(report), againstBaselines(report), balance(report), specialisation(report), teamwork(report), colouredTexts(report), samples(report), facts(report)];
  return page(report.title, headline(report), sections.filter((section) => section !== undefined));
}

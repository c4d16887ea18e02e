import { RoutingRecorder } from "@moekit/balancing";
import { routedTokens } from "../routed-tokens.js";
import { routingSummary } from "../routing-summary.js";
import type { TrainingReport } from "../training-report.js";

const DOMAINS = ["novel", "code"];

/** Two layers, four experts, two per token: in layer 0 novel tokens go to experts 0 and 1, code to 2 and 3; layer 1 is even. */
export function sampleRecorder(): RoutingRecorder {
  const recorder = new RoutingRecorder({ numLayers: 2, numExperts: 4, numDomains: 2 });
  for (let t = 0; t < 40; t++) {
    const domain = t % 2;
    const second = [[0, 1, 2, 3], [1, 2, 3, 0]].map((row) => row[Math.floor(t / 2) % 4]!);
    recorder.add({ numTokens: 1, expertIds: [domain ? [2, 3] : [0, 1], second], domainIds: [domain], tokenIds: [t % 5] });
  }
  return recorder;
}

/** A run of 60 steps. `name` is put wherever a text can come from outside. */
export function sampleReport(name = ""): TrainingReport {
  const domains = DOMAINS.map((domain) => domain + name);
  const loss = (nats: number) => ({ nats, bitsPerByte: nats / 4 / Math.LN2, tokens: 100, bytes: 400 });
  const texts = ["Call", " me", ` <Ishmael>${name}`, ".\n"];
  return {
    title: `Tiny & friends${name}`,
    model: { parameters: 1_234_567, activeParameters: 765_432, numExperts: 4, topK: 2, config: { [`model_type${name}`]: `olmoe${name}`, rope: { theta: 10000 } } },
    machine: { backend: `wasm${name}`, description: `2 cores${name}`, seconds: 252.3 },
    steps: Array.from({ length: 60 }, (_, i) => ({ step: i + 1, lmLoss: 1 + 5 * Math.exp(-i / 20), tokens: 1000, tokensPerSecond: 9000, layers: [0, 1].map((layer) => ({ layer, counts: [500 + 10 * i, 500, 500, layer ? 500 : 10] })) })),
    evaluations: [1, 30, 60].map((step) => ({ step, domains: Object.fromEntries(domains.map((domain, d) => [domain, loss(4 - step / 30 + d)])) })),
    baselines: [["2-gram", 3.5], ["5-gram", 2.5]].map(([order, nats]) => ({ name: `${order}${name}`, losses: domains.map((domain) => ({ domain, ...loss(Number(nats)) })) })),
    routing: routingSummary(sampleRecorder(), { domains, tokenText: (id) => `tok${id}${name}` }),
    saturation: [1, 60].map((step) => ({ step, layers: [step / 60, step / 60] })),
    texts: [{ title: `novel${name}`, tokens: routedTokens(texts, [0, 1].map((layer) => ({ expertIds: [0, 1, 2, 3, 3, 2, layer, -1], gates: [0.7, 0.3, 0.2, 0.8, 0.5, 0.5, 1, 0] }))) }],
    samples: [{ prompt: `It was${name}`, text: ` a <whale> & more${name}` }],
    facts: [{ name: `corpus${name}`, value: `4 MB${name}` }],
  };
}

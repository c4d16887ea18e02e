/** A peer in a process of its own: it says hello, then does a named work once per line and says how long it took. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { summary } from "../lib/benchmark.ts";

export interface LinePeer {
  /** Library and version. */
  readonly name: string;
  /** Milliseconds of one go; the first of a work is made once before the clock counts. */
  time(work: string): Promise<number>;
  close(): void;
}

/** Starts a process that writes lines of `{ peer, ms }`, or says why it cannot. */
export async function openLinePeer(command: string, args: readonly string[]): Promise<LinePeer | string> {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
  const errors: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => errors.push(text));
  child.on("error", () => {}); // a program that is not there ends the lines, too
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${args[0]}: ${errors.join("").trim().split("\n").at(-1) || `${command} does not start`}`);
    return JSON.parse(value) as { peer: string; ms: number };
  };
  const hello = await answer().catch((error: Error) => error.message);
  if (typeof hello === "string") return hello;
  return {
    name: hello.peer,
    async time(work) {
      child.stdin.write(`${work}\n`);
      return (await answer()).ms;
    },
    close: () => void child.kill(),
  };
}

/** A peer, or undefined after saying why `benchmark` goes on without it. */
export function peerOrNone<P extends object>(benchmark: string, what: string, peer: P | string): P | undefined {
  if (typeof peer !== "string") return peer;
  console.error(`bench ${benchmark}: without ${what}: ${peer}`);
  return undefined;
}

/** Median milliseconds of the fastest of several ways to do the same. */
export async function fastestOf(peer: LinePeer, works: readonly string[], runs: number): Promise<number> {
  const medians: number[] = [];
  for (const work of works) {
    const times: number[] = [];
    for (let round = 0; round < runs; round++) times.push(await peer.time(work));
    medians.push(summary(times).ms);
  }
  return Math.min(...medians);
}

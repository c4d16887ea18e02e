/** A peer in Python: a process that does a named work once per line and says how long it took. `PEERS_PYTHON` names the interpreter. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { join } from "node:path";

export interface PythonPeer {
  /** Library and version. */
  readonly name: string;
  /** Milliseconds of one go; the first of a work is made once before the clock counts. */
  time(work: string): Promise<number>;
  close(): void;
}

/** Starts `bench/peers/<script>`, or says why it cannot. */
export async function openPython(script: string, threads: number): Promise<PythonPeer | string> {
  const python = process.env.PEERS_PYTHON ?? "python3";
  const path = join(process.cwd(), "bench/peers", script);
  const child = spawn(python, [path, String(threads)], { stdio: ["pipe", "pipe", "pipe"] });
  const errors: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => errors.push(text));
  child.on("error", () => {}); // an interpreter that is not there ends the lines, too
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${script}: ${errors.join("").trim().split("\n").at(-1) || `${python} does not start`}`);
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

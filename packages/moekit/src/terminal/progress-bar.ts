import { SingleBar } from "cli-progress";
import type { Terminal } from "./terminal.js";

/** Parts of the whole after which a plain line is written where no bar can be drawn. */
const LINES = 10;

/**
 * Shows how far something is: a bar on a terminal, about ten plain lines elsewhere.
 * @returns Takes what is done so far; the bar ends when that is the total.
 */
export function progressBar(terminal: Terminal, label: string, total: number): (done: number) => void {
  return terminal.barStream ? drawn(terminal.barStream, label, total) : lines(terminal, label, total);
}

function drawn(stream: NodeJS.WriteStream, label: string, total: number): (done: number) => void {
  const bar = new SingleBar({ format: "{bar} {percentage} % {label} | ETA {eta_formatted}", stream, barsize: 20, barCompleteChar: "█", barIncompleteChar: "░", hideCursor: true });
  bar.start(total, 0, { label });
  return (done) => {
    bar.update(done);
    if (done >= total) bar.stop();
  };
}

function lines(terminal: Terminal, label: string, total: number): (done: number) => void {
  let said = 0;
  return (done) => {
    const part = Math.floor((done / Math.max(total, 1)) * LINES);
    if (part <= said) return;
    said = part;
    terminal.note(`${label} ${part * (100 / LINES)} %`);
  };
}

import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Writes `<folder>/<name>-<date and time>.json` and returns its path; the file is complete or not there. */
export function writeReceipt(folder, name, receipt) {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}-${receipt.machine.date.slice(0, 19).replaceAll(":", "")}.json`);
  writeFileSync(`${file}.tmp`, `${JSON.stringify(receipt, null, 2)}\n`);
  renameSync(`${file}.tmp`, file);
  return file;
}

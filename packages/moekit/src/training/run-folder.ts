import { existsSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { CheckpointError, ConfigError } from "@moekit/core";
import { listCheckpoints } from "@moekit/train";
import { parseTrainingConfig, withPaths, type TrainingConfig } from "./training-config.js";

/** Names of what a run writes, all in one folder. */
export class RunFolder {
  readonly path: string;
  constructor(path: string) {
    this.path = resolve(path);
  }

  /** The config of the run as it was carried out; can be given to `moekit train` again. */
  readonly configFile = "run.json";
  get tokenizer(): string {
    return join(this.path, "tokenizer.json");
  }
  get metrics(): string {
    return join(this.path, "metrics.jsonl");
  }
  get checkpoints(): string {
    return join(this.path, "checkpoints");
  }
  get report(): string {
    return join(this.path, "report.html");
  }
  get reportData(): string {
    return join(this.path, "report.json");
  }

  /** @throws ConfigError if the folder already holds a run. */
  async requireNew(): Promise<void> {
    const found = await listCheckpoints(this.checkpoints);
    if (found.length > 0) throw new ConfigError(`trainingRun: ${this.path} already holds a run with ${found.length} checkpoints. Resume it (--resume) or give another folder (--out).`);
  }

  /** @throws CheckpointError if the folder holds no run to go on with. */
  async requireRun(): Promise<void> {
    const found = await listCheckpoints(this.checkpoints);
    if (found.length === 0 || !existsSync(this.tokenizer)) throw new CheckpointError(`trainingRun: ${this.path} holds no checkpoint to resume from. Train without --resume first.`);
  }

  /** Writes the config with all its paths relative to the folder, so that both can be moved together. */
  async writeConfig(config: TrainingConfig): Promise<void> {
    const portable = withPaths({ ...config, out: this.path }, (path) => relative(this.path, path) || ".");
    await this.write(join(this.path, this.configFile), JSON.stringify(portable, null, 2));
  }

  /** The config that the folder's run was carried out with. */
  async readConfig(): Promise<TrainingConfig> {
    const file = join(this.path, this.configFile);
    return parseTrainingConfig(JSON.parse(await readFile(file, "utf8")), { base: this.path, source: file });
  }

  /** Writes a file under another name, then renames it. */
  async write(file: string, content: string): Promise<void> {
    await mkdir(this.path, { recursive: true });
    await writeFile(`${file}.partial`, content);
    await rename(`${file}.partial`, file);
  }
}

import { describe, expect, it, vi } from "vitest";
import { moekit } from "./testing/fake-terminal.js";

const COMMANDS = ["train", "generate", "score", "inspect", "doctor"];

describe("moekit", () => {
  it("without arguments shows its help and fails, with --help succeeds", async () => {
    const [bare, help] = [await moekit([]), await moekit(["--help"])];
    expect([bare.code, help.code]).toEqual([2, 0]);
    expect(bare.out).toBe(help.out);
    for (const command of COMMANDS) expect(help.out).toMatch(new RegExp(`^ *${command} +\\w`, "m"));
    expect(help.out).toContain("Exit codes: 0 ok, 1 failure, 2 wrong usage or config, 130 interrupted");
  });

  it.each(COMMANDS)("%s --help shows its flags and an example, in plain text where no terminal is", async (command) => {
    const { code, out, notes } = await moekit([command, "--help"]);
    expect({ code, notes }).toEqual({ code: 0, notes: "" });
    expect(out).toContain(`moekit ${command}`);
    expect(out).toContain("--json");
    expect(out).toContain(`Example: moekit ${command}`);
    expect(out).not.toContain("\x1b");
  });

  it("knows its version", async () => {
    expect(await moekit(["--version"])).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string });
  });

  it.each([
    [["trian"], "moekit: Unknown command trian"],
    [["train"], "moekit train: Missing required positional argument: CONFIG"],
    [["doctor", "now"], 'moekit doctor: unexpected argument "now"'],
    [["generate", "dir"], "moekit generate: Missing required argument: --prompt"],
    [["constructor"], "moekit: Unknown command constructor"],
  ])("%j is wrong usage: one line, a hint, code 2", async (argv, message) => {
    const { code, notes } = await moekit(argv);
    expect(code).toBe(2);
    const [line, hint] = notes.split("\n");
    expect(line).toBe(message);
    expect(hint).toMatch(/^Try: moekit.* --help$/);
  });

  it("hides the stack of an error unless MOEKIT_DEBUG is 1, and gives errors as JSON too", async () => {
    const plain = await moekit(["inspect", "nowhere", "--json"]);
    expect(plain.code).toBe(1);
    expect(plain.notes.trim().split("\n").length).toBe(1);
    expect(JSON.parse(plain.out)).toEqual({ kind: "error", error: { kind: "checkpoint", message: expect.stringContaining("nowhere") as string } });
    vi.stubEnv("MOEKIT_DEBUG", "1");
    expect((await moekit(["inspect", "nowhere"])).notes).toMatch(/\n +at .*resolveCheckpoint/);
    vi.unstubAllEnvs();
  });
});

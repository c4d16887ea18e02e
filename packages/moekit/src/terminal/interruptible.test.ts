import { afterEach, expect, it, vi } from "vitest";
import { InterruptedError, interruptible } from "./interruptible.js";
import type { Terminal } from "./terminal.js";

afterEach(() => vi.restoreAllMocks());

function terminal(): { terminal: Terminal; press: () => void; handlers: Set<() => void> } {
  const handlers = new Set<() => void>();
  const onInterrupt = (handler: () => void) => {
    handlers.add(handler);
    return () => handlers.delete(handler);
  };
  return { terminal: { write: () => {}, note: () => {}, isTerminal: false, onInterrupt }, press: () => handlers.forEach((handler) => handler()), handlers };
}

it("the first Ctrl-C aborts the signal, the second ends the process with code 130", async () => {
  const exit = vi.spyOn(process, "exit").mockImplementation((() => undefined) as unknown as typeof process.exit);
  const { terminal: fake, press, handlers } = terminal();
  const result = await interruptible(fake, async (signal) => {
    press();
    expect(signal.reason).toBeInstanceOf(InterruptedError);
    expect(exit).not.toHaveBeenCalled();
    press();
    return "saved";
  });
  expect(exit.mock.calls).toEqual([[130]]);
  expect(result).toBe("saved");
  expect(handlers.size).toBe(0);
});

it("stops listening when the action fails", async () => {
  const { terminal: fake, handlers } = terminal();
  await expect(interruptible(fake, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(handlers.size).toBe(0);
});

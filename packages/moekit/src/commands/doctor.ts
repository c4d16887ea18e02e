import { diagnose, diagnosisText } from "../inspection/diagnose.js";
import { command } from "../terminal/command.js";

export const doctor = command({
  name: "doctor",
  description: "Show what this machine offers, and which backend moekit takes",
  args: {},
  example: "moekit doctor",
  async run({ json }, terminal) {
    const diagnosis = await diagnose();
    terminal.write(json ? `${JSON.stringify(diagnosis)}\n` : `${diagnosisText(diagnosis)}\n`);
  },
});

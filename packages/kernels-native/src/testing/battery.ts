/** Only for tests: calls of tfjs ops on odd shapes and values, the same on every run, to compare two backends. */
import type { BatteryCase } from "./battery-case.js";
import { batteryOfCopies } from "./battery-copies.js";
import { batteryOfElements } from "./battery-elements.js";
import { batteryOfMatrices } from "./battery-matrices.js";
import { batteryOfOthers } from "./battery-others.js";
import { batteryOfReductions } from "./battery-reductions.js";

/** All calls. */
export const battery: readonly BatteryCase[] = [...batteryOfElements(), ...batteryOfReductions(), ...batteryOfMatrices(), ...batteryOfCopies(), ...batteryOfOthers()];

/**
 * A learning rate as a pure function of the step: `step` counts optimiser steps from 0.
 *
 * Because nothing is remembered between calls, a resumed run sees the rates of an uninterrupted one, and a decay can be
 * branched off any checkpoint by giving another schedule.
 *
 * @example const halving: Schedule = (step) => 1e-3 * 0.5 ** Math.floor(step / 100);
 */
export type Schedule = (step: number) => number;

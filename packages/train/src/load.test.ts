import { expect, it } from "vitest";
import { layerLoad } from "./load.js";

it("MaxVio is the busiest expert's excess over the mean, and dead experts have less than a tenth of an even share", () => {
  // mean 25: max 60 / 25 - 1 = 1.4; below 2.5 are 2 and 0.
  expect(layerLoad({ layer: 3, counts: new Float32Array([60, 38, 2, 0]) })).toEqual({ layer: 3, counts: [60, 38, 2, 0], maxVio: 60 / 25 - 1, deadExperts: 2 });
});

it("an even load has MaxVio 0 and no dead expert; no load at all is not a violation", () => {
  expect(layerLoad({ layer: 0, counts: new Float32Array([5, 5]) })).toMatchObject({ maxVio: 0, deadExperts: 0 });
  expect(layerLoad({ layer: 0, counts: new Float32Array([0, 0]) })).toMatchObject({ maxVio: 0 });
});

import { expect, test } from "vitest";
import { meterOf, receivedLevel } from "../../src/capture/level";

test("levels are shown in decibels from -60", () => {
  expect(meterOf(0)).toBe(0);
  expect(meterOf(1)).toBe(1);
  expect(meterOf(0.001)).toBeCloseTo(0);
  expect(meterOf(0.0316)).toBeCloseTo(0.5, 2);
  expect(meterOf(Number.NaN)).toBe(0);
});

test("a receiver without packets is silent", () => {
  expect(receivedLevel(undefined)).toBe(0);
});

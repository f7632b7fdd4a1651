import { describe, expect, test } from "vitest";
import { arrange, layerOf, type Rules, step } from "../../src/tile/geometry";

const RULES: Rules = { gap: 10, aspect: 16 / 9, least: 200 };
const DESK = { width: 1400, height: 750 };

describe("arranging tiles", () => {
  test.each([
    [1, 1],
    [2, 2],
    [4, 2],
    [6, 3],
    [9, 3],
    [12, 4],
    [30, 6],
  ])("%i candidates stand in %i columns on a desk", (count, columns) => {
    expect(arrange(count, DESK, RULES).columns).toBe(columns);
  });

  test("every arrangement that does not scroll fits its box", () => {
    for (let count = 1; count <= 60; count += 1) {
      const { columns, capacity, width, scrolls } = arrange(count, DESK, RULES);
      expect(capacity).toBeGreaterThanOrEqual(count);
      if (scrolls) continue;
      const rows = capacity / columns;
      expect(columns * width + (columns - 1) * 10).toBeLessThanOrEqual(DESK.width);
      expect((rows * width * 9) / 16 + (rows - 1) * 10).toBeLessThanOrEqual(DESK.height);
    }
  });

  test("tiles that would be too small scroll instead, in as many columns as fit", () => {
    const phone = { width: 340, height: 600 };
    const found = arrange(30, phone, { ...RULES, least: 148 });
    expect(found).toMatchObject({ columns: 2, width: 165, scrolls: true });
  });

  test("a window narrower than one tile still has one column", () => {
    expect(arrange(3, { width: 100, height: 50 }, RULES)).toMatchObject({ columns: 1, width: 100 });
  });

  test("nobody moves while there is room for those who come", () => {
    let present = arrange(5, DESK, RULES);
    for (const count of [6, 5, 6, 5]) {
      const next = arrange(count, DESK, RULES, present);
      expect([next.columns, next.width]).toEqual([present.columns, present.width]);
      present = next;
    }
  });

  test("those who are left get the room of many who went", () => {
    const many = arrange(30, DESK, RULES);
    const few = arrange(4, DESK, RULES, many);
    expect(few.columns).toBe(2);
  });

  test("another window is another arrangement", () => {
    const wide = arrange(6, DESK, RULES);
    const tall = arrange(6, { width: 700, height: 1000 }, RULES, wide);
    expect(tall.columns).toBe(2);
  });
});

describe("moving with arrow keys", () => {
  test("the edges are not left", () => {
    expect(step(0, "left", 7, 3)).toBe(0);
    expect(step(1, "up", 7, 3)).toBe(1);
    expect(step(5, "down", 7, 3)).toBe(5);
    expect(step(6, "right", 7, 3)).toBe(6);
  });

  test("rows and ends are reached", () => {
    expect(step(1, "down", 7, 3)).toBe(4);
    expect(step(4, "up", 7, 3)).toBe(1);
    expect(step(2, "right", 7, 3)).toBe(3);
    expect(step(3, "first", 7, 3)).toBe(0);
    expect(step(3, "last", 7, 3)).toBe(6);
  });
});

test("the layer follows from the width that a picture is shown in", () => {
  expect(layerOf(460)).toBe(0);
  expect(layerOf(800)).toBe(0);
  expect(layerOf(1200)).toBe(1);
  expect(layerOf(2560)).toBe(2);
});

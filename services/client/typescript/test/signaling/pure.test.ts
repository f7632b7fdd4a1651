import { describe, expect, test } from "vitest";
import { closingOf } from "../../src/signaling/closing.js";
import { correlationId } from "../../src/signaling/correlation.js";
import { Pace } from "../../src/signaling/pace.js";

describe("correlation ids", () => {
  test("a page without TLS, which has no randomUUID, gets one of 32 hexadecimal digits", () => {
    const source = {
      getRandomValues: <T extends ArrayBufferView | null>(array: T) => {
        (array as unknown as Uint8Array).fill(10);
        return array;
      },
    };
    expect(correlationId(source)).toBe("0a".repeat(16));
  });

  test("two are never the same", () => {
    expect(correlationId()).not.toBe(correlationId());
  });
});

describe("pace", () => {
  test("the burst passes at once and the next has to wait for its token", () => {
    const pace = new Pace(0, 40, 3);
    expect([pace.take(0), pace.take(0), pace.take(0)]).toEqual([0, 0, 0]);
    expect(pace.take(0)).toBe(25);
    expect(pace.take(25)).toBe(0);
  });

  test("tokens do not pile up beyond the burst", () => {
    const pace = new Pace(0, 40, 1);
    expect(pace.take(60_000)).toBe(0);
    expect(pace.take(60_000)).toBeGreaterThan(0);
  });
});

test.each([
  [4401, false],
  [4409, false],
  [1012, true],
  [1013, true],
  [4408, true],
  [1006, true],
  [4999, true],
])("after close code %i another try is worth it: %s", (code, retry) => {
  expect(closingOf(code).retry).toBe(retry);
  expect(closingOf(code).words).toMatch(/\.$/);
});

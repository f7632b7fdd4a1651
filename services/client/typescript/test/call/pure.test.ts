import { describe, expect, test } from "vitest";
import { backoffMs } from "../../src/signaling/backoff.js";
import { endingOf } from "../../src/signaling/ending.js";
import { CallError } from "../../src/signaling/error.js";

describe("back-off", () => {
  test("waits double from half a second up to five", () => {
    expect([1, 2, 3, 4, 5, 6, 7, 50].map((failures) => backoffMs(failures, 1))).toEqual([
      500, 1000, 2000, 4000, 5000, 5000, 5000, 5000,
    ]);
  });

  test("jitter spreads a wait over its upper half", () => {
    expect(backoffMs(3, 0)).toBe(1000);
    expect(backoffMs(3, 0.5)).toBe(1500);
  });

  test("a time that the server names is kept, and spread as well", () => {
    expect(backoffMs(1, 0, 3000)).toBe(3000);
    expect(backoffMs(1, 1, 3000)).toBe(4500);
    expect(backoffMs(5, 1, 10)).toBe(5000);
  });
});

describe("endings", () => {
  test("an expired token is told apart from one that is not valid, and neither is tried again", () => {
    const expired = endingOf(new CallError("UNAUTHORIZED", "TOKEN_EXPIRED", ""));
    const invalid = endingOf(new CallError("UNAUTHORIZED", "TOKEN_INVALID", ""));
    expect(expired).toMatchObject({ words: expect.stringContaining("expired"), retry: false });
    expect(invalid).toMatchObject({ words: expect.stringContaining("not valid"), retry: false });
  });

  test("a server that names a time is not asked before", () => {
    const error = new CallError("UNAVAILABLE", "NO_WORKER", "", 2500);
    expect(endingOf(error)).toMatchObject({ retry: true, afterMs: 2500 });
  });

  test("a browser that mediasoup-client does not know is told so", () => {
    const error = Object.assign(new Error("device not supported"), { name: "UnsupportedError" });
    expect(endingOf(error)).toMatchObject({
      words: expect.stringContaining("browser"),
      retry: false,
    });
  });
});

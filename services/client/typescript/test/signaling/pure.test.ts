import { describe, expect, test } from "vitest";
import { announced, closingOf } from "../../src/signaling/closing.js";
import { correlationId } from "../../src/signaling/correlation.js";
import { remedyOf } from "../../src/signaling/ending.js";
import { CallError } from "../../src/signaling/error.js";
import { Pace } from "../../src/signaling/pace.js";
import { judge } from "../../src/signaling/position.js";

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

describe("the position in the log", () => {
  const at = { epoch: "e1", seq: 7 };

  test.each([
    ["the following event", { epoch: "e1", seq: 8 }, "next"],
    ["one that was told", { epoch: "e1", seq: 7 }, "old"],
    ["one from long ago", { epoch: "e1", seq: 1 }, "old"],
    ["one that skips another", { epoch: "e1", seq: 9 }, "gap"],
    ["one of another life of the room", { epoch: "e2", seq: 8 }, "gap"],
  ] as const)("%s is found out", (_, event, verdict) => {
    expect(judge(at, event)).toBe(verdict);
  });
});

describe("what the end of a socket asks for", () => {
  test.each([
    [1006, "resume"],
    [1012, "resume"],
    [1013, "resume"],
    [4408, "resume"],
    [4429, "resume"],
    [4999, "resume"],
    [4401, "rejoin"],
    [4403, "stop"],
    [4409, "stop"],
    [4413, "stop"],
    [1000, "stop"],
  ])("of a session with close code %i: %s", (code, remedy) => {
    expect(closingOf(code, true)).toMatchObject({ remedy, words: expect.stringMatching(/\.$/) });
  });

  test("a token that is refused before there is a session is not tried again", () => {
    expect(closingOf(4401, false).remedy).toBe("stop");
  });

  test("the server's own words count for more, and a moderator's are told", () => {
    const kicked = { reason: "KICKED", action: "stop", afterMs: 0, message: "Phones!" } as const;
    expect(announced(kicked)).toMatchObject({
      remedy: "stop",
      words: "A proctor has removed you from the room.",
      said: "Phones!",
    });
    expect(announced({ reason: "DRAINING", action: "resume", afterMs: 700 })).toMatchObject({
      remedy: "resume",
      afterMs: 700,
    });
  });

  test.each([
    ["UNAUTHORIZED", "SESSION_ENDED", "rejoin"],
    ["UNAUTHORIZED", "RESUME_TOKEN_EXPIRED", "rejoin"],
    ["UNAUTHORIZED", "RESUME_TOKEN_INVALID", "rejoin"],
    ["UNAUTHORIZED", "RESUME_TOKEN_USED", "stop"],
    ["FORBIDDEN", "BANNED", "stop"],
    ["UNAVAILABLE", "WORKER_UNREACHABLE", "resume"],
    ["INTERNAL", "UNEXPECTED", "resume"],
  ] as const)("to resume and be refused with %s %s: %s", (code, reason, remedy) => {
    expect(remedyOf(new CallError(code, reason, ""))).toBe(remedy);
  });
});

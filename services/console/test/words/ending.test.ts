import { CallError } from "@invigil/client";
import { expect, test } from "vitest";
import { endWords } from "../../src/words/ending";

const ended = (reason: string) =>
  endWords({
    phase: "ended",
    words: "Over.",
    left: false,
    error: new CallError("CLOSED", reason, "Over."),
  });

test.each(["KICKED", "BANNED"])("after %s nothing is offered that would be refused", (reason) => {
  expect(ended(reason).restart).toBeUndefined();
  expect(ended(reason).words).toMatch(/^You cannot come back into this room/);
});

test.each(["REJECTED", "WAITED_TOO_LONG"])("after %s one may ask again", (reason) => {
  expect(ended(reason).restart).toBe("Ask again");
});

test("a locked room may be tried again, and a session that was left joined again", () => {
  expect(ended("ROOM_LOCKED").restart).toBe("Try again");
  expect(endWords({ phase: "ended", words: "You have left.", left: true }).restart).toBe(
    "Join again",
  );
});

test("whatever the end was, the devices are said to be off", () => {
  for (const reason of ["KICKED", "BANNED", "REJECTED", "ROOM_LOCKED", "CLOSE_1000"]) {
    expect(ended(reason).words).toMatch(/Camera and microphone are off\.$/);
  }
});

import { CallError, type CallState } from "@invigil/client";
import { expect, test } from "vitest";
import {
  candidateCount,
  candidateStatement,
  type Flows,
  proctorPresence,
  proctorStatement,
  retryWords,
} from "../../src/words/call";

const JOINED: Extract<CallState, { phase: "joined" }> = {
  phase: "joined",
  self: { peerId: "p", userId: "u", role: "candidate" },
  published: true,
  media: { send: "connected" },
  connection: "ok",
};
const BOTH: Flows = { camera: "live", microphone: "live" };
const LOST = new CallError("CLOSED", "CLOSE_1006", "Connection lost.");
const WAITING: CallState = {
  phase: "waiting",
  words: "Connection lost.",
  retryMs: 500,
  error: LOST,
};

test("live is said only when the server has everything and packets get through", () => {
  expect(candidateStatement(JOINED, BOTH)).toEqual({ tone: "good", words: "You are live." });
  expect(candidateStatement({ ...JOINED, published: false }, BOTH).words).toBe("Connecting…");
  expect(candidateStatement({ ...JOINED, media: {} }, BOTH).words).toBe("Connecting…");
  expect(candidateStatement({ ...JOINED, media: { send: "interrupted" } }, BOTH).words).toMatch(
    /^Connection lost/,
  );
});

test.each([
  [{ camera: "live", microphone: "paused" }, "You are live without sound."],
  [{ camera: "paused", microphone: "live" }, "You are live without a picture."],
  [{ camera: "none", microphone: "live" }, "You are live without a picture."],
  [{ camera: "none", microphone: "paused" }, "You cannot be seen or heard."],
] as const)("%j is a warning: %s", (flows, words) => {
  expect(candidateStatement(JOINED, flows)).toEqual({ tone: "warning", words });
});

test.each([
  [{ camera: "live", microphone: "held" }, "A proctor has muted you."],
  [{ camera: "paused", microphone: "held" }, "A proctor has muted you. You are without a picture."],
  [{ camera: "held", microphone: "live" }, "A proctor has paused your camera."],
  [
    { camera: "held", microphone: "none" },
    "A proctor has paused your camera. You are without sound.",
  ],
  [{ camera: "held", microphone: "held" }, "A proctor has muted you and paused your camera."],
] as const)("what a proctor holds is named as a proctor's doing: %j", (flows, words) => {
  expect(candidateStatement(JOINED, flows)).toEqual({ tone: "warning", words });
});

test("a connection that comes back by itself is named to both, whatever media does", () => {
  const lost = { ...JOINED, connection: "lost" } as const;
  const words = "Connection lost. Coming back…";
  expect(candidateStatement(lost, BOTH)).toEqual({ tone: "warning", words });
  expect(proctorStatement({ ...lost, media: { recv: "interrupted" } })).toEqual({
    tone: "warning",
    words,
  });
});

test("trouble of the server is told apart from a lost connection", () => {
  const troubled = { ...JOINED, connection: "troubled" } as const;
  const words = "The server has trouble. Waiting for it…";
  expect(candidateStatement(troubled, BOTH)).toEqual({ tone: "warning", words });
  expect(proctorStatement(troubled)).toEqual({ tone: "warning", words });
});

test("a candidate in the waiting room is told whom to wait for", () => {
  expect(candidateStatement({ phase: "waiting-room" }, BOTH)).toEqual({
    tone: "busy",
    words: "You are in the waiting room. A proctor will let you in soon.",
  });
});

test("a lost session is named to both", () => {
  expect(candidateStatement(WAITING, BOTH)).toEqual({ tone: "warning", words: "Connection lost." });
  expect(proctorStatement(WAITING)).toEqual({ tone: "warning", words: "Connection lost." });
});

test("the next try is counted down in whole seconds, and is named when it begins", () => {
  expect(retryWords(4001)).toBe("Trying again in 5 s");
  expect(retryWords(4000)).toBe("Trying again in 4 s");
  expect(retryWords(1)).toBe("Trying again in 1 s");
  expect(retryWords(0)).toBe("Trying again…");
  expect(retryWords(-50)).toBe("Trying again…");
});

test("an end that was wanted is no fault", () => {
  expect(proctorStatement({ phase: "ended", words: "You have left.", left: true }).tone).toBe(
    "quiet",
  );
  expect(proctorStatement({ phase: "ended", words: "Refused.", left: false }).tone).toBe("bad");
});

test("a moderator's words stand beside the reason, or after it where there is one line", () => {
  const kicked = { phase: "ended", words: "Removed.", left: false, said: "No phones." } as const;
  expect(candidateStatement(kicked, BOTH).words).toBe("Removed.");
  expect(proctorStatement(kicked)).toEqual({
    tone: "bad",
    words: "Removed. They say: “No phones.”",
  });
});

test("people are counted in words", () => {
  expect(proctorPresence(0)).toBe("No proctor is watching right now.");
  expect(proctorPresence(1)).toBe("1 proctor is watching.");
  expect(proctorPresence(2)).toBe("2 proctors are watching.");
  expect(candidateCount(0)).toBe("No candidates");
  expect(candidateCount(1)).toBe("1 candidate");
});

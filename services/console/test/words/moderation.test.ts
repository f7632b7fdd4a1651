import { CallError, type Participant, type ProducerInfo } from "@invigil/client";
import { expect, test } from "vitest";
import { actionsOn, deedProblem, handsWords, waitingWords } from "../../src/words/moderation";

const producer = (source: string, more: Partial<ProducerInfo> = {}): ProducerInfo => ({
  producerId: `ada.${source}`,
  kind: source === "microphone" ? "audio" : "video",
  paused: false,
  appData: { source },
  ...more,
});

const ada = (more: Partial<Participant> = {}): Participant => ({
  peerId: "ada",
  userId: "ada",
  displayName: "Ada",
  role: "candidate",
  connection: "ok",
  appData: {},
  producers: [],
  ...more,
});

const deeds = (participant: Participant) => actionsOn(participant).map(({ deed }) => deed);

test("only what is there can be paused, and removal comes last", () => {
  expect(deeds(ada())).toEqual(["mute", "write", "remove"]);
  expect(deeds(ada({ producers: [producer("camera"), producer("screen")] }))).toEqual([
    ...["mute", "pause-camera", "pause-screen", "write", "remove"],
  ]);
});

test("what a proctor holds can be let go", () => {
  const held = producer("camera", { paused: true, muted: true });
  expect(deeds(ada({ muted: true, producers: [held] }))).toEqual([
    ...["unmute", "resume-camera", "write", "remove"],
  ]);
});

test("a camera that its owner has switched off can be held as well", () => {
  const off = producer("camera", { paused: true });
  expect(deeds(ada({ producers: [off] }))).toContain("pause-camera");
});

test("a failure names what was tried and why it failed", () => {
  const gone = new CallError("NOT_FOUND", "PEER_NOT_FOUND", "");
  expect(deedProblem("mute", "Ada", gone)).toBe("Could not mute Ada. They have left.");
  const refused = new CallError("FORBIDDEN", "NOT_A_MODERATOR", "");
  expect(deedProblem("pause-camera", "Ada", refused)).toBe(
    "Could not pause the camera of Ada. Your link does not let you moderate.",
  );
});

test("numbers of people are words", () => {
  expect([waitingWords(1), waitingWords(3)]).toEqual(["1 is waiting", "3 are waiting"]);
  expect([handsWords(0), handsWords(1), handsWords(2)]).toEqual([
    ...["", "1 hand raised", "2 hands raised"],
  ]);
});

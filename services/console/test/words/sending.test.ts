import type { PublicationStatistics } from "@invigil/client";
import { expect, test } from "vitest";
import {
  bitrateWords,
  type Sent,
  sendingState,
  sendingWords,
  switchWords,
} from "../../src/words/sending";

const LIVE: Sent = { state: "live", paused: false, muted: false };

function statistics(widths: readonly [number, boolean][]): PublicationStatistics {
  const layers = widths.map(([width, active], index) => ({
    rid: `r${index}`,
    width,
    height: (width * 9) / 16,
    framesPerSecond: 24,
    bitrate: 400_000,
    active,
  }));
  return { kind: "video", bitrate: 1_240_000, layers };
}

test("what is live says the best picture that is sent, and how much of it", () => {
  const all = statistics([
    [320, true],
    [640, true],
    [1280, true],
  ]);
  expect(sendingWords("camera", LIVE, all)).toBe("Live · 1280 × 720 · 1.2 Mbit/s");
  const slow = statistics([
    [320, true],
    [640, true],
    [1280, false],
  ]);
  expect(sendingWords("camera", LIVE, slow)).toBe("Live · 640 × 360 · 1.2 Mbit/s");
});

test("nothing is claimed before it has been measured", () => {
  expect(sendingWords("camera", LIVE, undefined)).toBe("Live");
  expect(sendingWords("camera", LIVE, { kind: "video", bitrate: 0, layers: [] })).toBe("Live");
});

test("what is held back, refused or not there is named as such", () => {
  expect(sendingWords("microphone", { ...LIVE, paused: true }, undefined)).toBe("Muted");
  expect(sendingWords("camera", { ...LIVE, paused: true }, undefined)).toBe("Off");
  expect(sendingWords("screen", undefined, undefined)).toBe("Not shared");
  expect(sendingWords("microphone", { ...LIVE, muted: true }, undefined)).toBe(
    "Muted by a proctor",
  );
  expect(sendingWords("screen", { ...LIVE, muted: true }, undefined)).toBe("Paused by a proctor");
  const refused: Sent = { ...LIVE, state: "failed", error: { words: "The room is full." } };
  expect(sendingWords("camera", refused, undefined)).toBe("The room is full.");
  expect(sendingState({ ...LIVE, state: "ended" })).toBe("off");
  expect(sendingState({ ...LIVE, state: "publishing" })).toBe("waiting");
  expect(sendingState({ ...LIVE, state: "publishing", paused: true })).toBe("paused");
});

test("bit rates are in the unit that a person reads at a glance", () => {
  expect(bitrateWords(999)).toBe("1 kbit/s");
  expect(bitrateWords(64_400)).toBe("64 kbit/s");
  expect(bitrateWords(2_450_000)).toBe("2.5 Mbit/s");
});

test("what waits says what it waits for", () => {
  const waiting: Sent = { ...LIVE, state: "waiting" };
  expect(sendingWords("camera", waiting, undefined)).toBe("Waiting for the connection…");
  expect(sendingWords("camera", waiting, undefined, "proctor")).toBe("Sent when you are let in");
});

test("a switch says what a press does", () => {
  expect(switchWords("microphone", true, false).label).toBe("Mute");
  expect(switchWords("microphone", false, false)).toEqual({
    label: "Unmute",
    reason: "",
    disabled: false,
  });
});

test("what a proctor holds can be closed by its owner, and not be opened", () => {
  const open = switchWords("microphone", true, true);
  expect(open).toMatchObject({ label: "Keep muted", disabled: false });
  expect(switchWords("screen", true, true)).toMatchObject({
    label: "Stop sharing",
    disabled: false,
  });
  const closed = switchWords("microphone", false, true);
  expect(closed).toEqual({
    label: "Muted by proctor",
    reason: "Muted by a proctor. Only a proctor can let go.",
    disabled: true,
  });
});

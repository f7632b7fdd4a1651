import type { Participant, ProducerInfo } from "@invigil/client";
import { expect, test } from "vitest";
import { hueOf, initials, isMeant, seated, tileStatement } from "../../src/words/tile";

const CAMERA: ProducerInfo = { producerId: "p.1", kind: "video", paused: false, appData: {} };
const MICROPHONE: ProducerInfo = { producerId: "p.2", kind: "audio", paused: false, appData: {} };
const SCREEN: ProducerInfo = { ...CAMERA, producerId: "p.3", appData: { source: "screen" } };
const ADA: Participant = {
  peerId: "p",
  userId: "u",
  displayName: "Ada",
  role: "candidate",
  connection: "ok",
  appData: {},
  producers: [CAMERA, MICROPHONE],
};

test("live is said only while frames arrive", () => {
  expect(tileStatement(ADA, "playing")).toMatchObject({ connection: "ok", words: "Live" });
  expect(tileStatement(ADA, "none").words).toBe("Waiting for picture");
  expect(tileStatement(ADA, "stalled").words).toBe("Picture has stopped");
  expect(tileStatement({ ...ADA, producers: [] }, "none").words).toBe("Waiting for camera");
});

test("a lost connection outweighs everything else", () => {
  const producers = [{ ...CAMERA, paused: true }];
  expect(tileStatement({ ...ADA, connection: "lost", producers }, "playing")).toMatchObject({
    connection: "lost",
    words: "Connection lost",
    microphone: "none",
  });
});

test("a camera that is off and a muted microphone are told apart", () => {
  const off = { ...ADA, producers: [{ ...CAMERA, paused: true }, MICROPHONE] };
  expect(tileStatement(off, "playing")).toMatchObject({
    connection: "paused",
    microphone: "on",
    words: "Camera off",
  });
  const muted = { ...ADA, producers: [CAMERA, { ...MICROPHONE, paused: true }] };
  expect(tileStatement(muted, "playing")).toMatchObject({ connection: "ok", microphone: "muted" });
});

test("a screen is no camera", () => {
  const both = tileStatement({ ...ADA, producers: [CAMERA, SCREEN] }, "playing");
  expect(both).toMatchObject({ screen: "on", words: "Live" });
  const alone = tileStatement({ ...ADA, producers: [SCREEN] }, "none");
  expect(alone).toMatchObject({ screen: "on", words: "Waiting for camera" });
  expect(tileStatement(ADA, "playing").screen).toBe("off");
});

test("a proctor needs no camera to watch or to speak", () => {
  const grace = { ...ADA, role: "proctor" as const, producers: [] };
  expect(tileStatement(grace, "none")).toMatchObject({ tone: "quiet", words: "Watching" });
  expect(tileStatement({ ...grace, producers: [MICROPHONE] }, "none")).toMatchObject({
    tone: "good",
    words: "Speaking to you",
  });
});

test("a person who came back does not stand twice", () => {
  const lost = { ...ADA, peerId: "old", connection: "lost" as const };
  const bob = { ...ADA, peerId: "bob", userId: "bob", connection: "lost" as const };
  expect(seated([lost, bob, ADA]).map(({ peerId }) => peerId)).toEqual(["bob", "p"]);
  expect(seated([lost, bob])).toEqual([lost, bob]);
  const second = { ...ADA, peerId: "second window" };
  expect(seated([ADA, second])).toHaveLength(2);
});

test("initials are those of the first and the last name", () => {
  expect(initials("Ada King Lovelace")).toBe("AL");
  expect(initials("  émile ")).toBe("É");
  expect(initials("")).toBe("");
});

test("a name keeps its colour", () => {
  expect(hueOf("Ada")).toBe(hueOf("Ada"));
  for (const name of ["", "Zoë", "数学", "x".repeat(1000)]) {
    expect([0, 1, 2, 3, 4, 5]).toContain(hueOf(name));
  }
});

test.each([
  ["Chloé Dubois", "chloe", true],
  ["Chloé Dubois", "dub ch", true],
  ["Chloé Dubois", "hloe", false],
  ["Zoë Öztürk", "oz", true],
  ["Anyone", "", true],
])("%s is meant by “%s”: %s", (name, typed, meant) => {
  expect(isMeant(name, typed)).toBe(meant);
});

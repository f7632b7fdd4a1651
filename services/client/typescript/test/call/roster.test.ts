import { expect, test } from "vitest";
import { applyEvent, type Roster, rosterOf } from "../../src/call/roster.js";
import type { Participant, SignalingEvent } from "../../src/signaling/message.js";

const ada: Participant = {
  peerId: "ada-1",
  userId: "ada",
  displayName: "Ada",
  role: "candidate",
  connection: "ok",
  appData: {},
  producers: [{ producerId: "ada-1.1", kind: "video", paused: false, appData: {} }],
};
const bob: Participant = {
  ...ada,
  peerId: "bob-1",
  userId: "bob",
  displayName: "Bob",
  producers: [],
};

function after(...events: SignalingEvent[]): Roster {
  return events.reduce(applyEvent, rosterOf([ada, bob]));
}

test("a peer that joins comes last and one that is updated keeps its place", () => {
  const eve = { ...bob, peerId: "eve-1" };
  const roster = after(
    { type: "participant:joined", payload: { participant: eve } },
    { type: "participant:updated", payload: { participant: { ...ada, connection: "lost" } } },
  );
  expect([...roster.keys()]).toEqual(["ada-1", "bob-1", "eve-1"]);
  expect(roster.get("ada-1")?.connection).toBe("lost");
});

test("a peer that leaves is gone with its producers", () => {
  const roster = after({ type: "participant:left", payload: { peerId: "ada-1", reason: "LEFT" } });
  expect([...roster.keys()]).toEqual(["bob-1"]);
});

test("a producer comes, is paused and resumed, and closes", () => {
  const born: SignalingEvent = {
    type: "producer:new",
    payload: { peerId: "bob-1", producerId: "bob-1.1", kind: "audio", paused: false, appData: {} },
  };
  const paused: SignalingEvent = { type: "producer:paused", payload: { producerId: "bob-1.1" } };
  const resumed: SignalingEvent = { type: "producer:resumed", payload: { producerId: "bob-1.1" } };
  const closed: SignalingEvent = { type: "producer:closed", payload: { producerId: "bob-1.1" } };
  const producers = (roster: Roster) => roster.get("bob-1")?.producers;

  expect(producers(after(born))).toEqual([
    { producerId: "bob-1.1", kind: "audio", paused: false, appData: {} },
  ]);
  expect(producers(after(born, born))).toHaveLength(1);
  expect(producers(after(born, paused))?.[0]?.paused).toBe(true);
  expect(producers(after(born, paused, resumed))?.[0]?.paused).toBe(false);
  expect(producers(after(born, closed))).toEqual([]);
});

test("events of peers and producers that nobody knows change nothing", () => {
  const roster = rosterOf([ada]);
  const strangers: SignalingEvent[] = [
    { type: "participant:left", payload: { peerId: "x", reason: "LEFT" } },
    { type: "producer:closed", payload: { producerId: "x.1" } },
    { type: "producer:paused", payload: { producerId: "x.1" } },
    {
      type: "producer:new",
      payload: { peerId: "x", producerId: "x.1", kind: "video", paused: false, appData: {} },
    },
    { type: "consumer:closed", payload: { consumerId: "c" } },
  ];
  for (const event of strangers) expect(applyEvent(roster, event)).toBe(roster);
});

test("an event never changes the roster it was applied to", () => {
  const roster = rosterOf([ada]);
  applyEvent(roster, { type: "producer:paused", payload: { producerId: "ada-1.1" } });
  expect(roster.get("ada-1")?.producers[0]?.paused).toBe(false);
});

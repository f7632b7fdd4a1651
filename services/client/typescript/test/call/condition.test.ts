import { expect, test } from "vitest";
import { applyToCondition, conditionOf, type RoomCondition } from "../../src/call/condition.js";
import type { RoomState, SignalingEvent, WaitingPeer } from "../../src/signaling/message.js";
import { participant } from "../support/room.js";

const waiting = (peerId: string): WaitingPeer => ({
  peerId,
  userId: peerId,
  displayName: peerId,
  appData: {},
});
const room = conditionOf({
  roomConfig: { locked: false },
  waiting: [waiting("ada"), waiting("bob")],
} as RoomState);

const after = (...events: SignalingEvent[]): RoomCondition => events.reduce(applyToCondition, room);

test("a lock holds until it is taken away", () => {
  const locked: SignalingEvent = { type: "room:locked", payload: {} };
  const unlocked: SignalingEvent = { type: "room:unlocked", payload: {} };
  expect([room.locked, after(locked).locked, after(locked, unlocked).locked]).toEqual([
    false,
    true,
    false,
  ]);
});

test("whoever comes to wait is last, and waits no more once in or gone", () => {
  const eve: SignalingEvent = { type: "participant:waiting", payload: waiting("eve") };
  const inside: SignalingEvent = {
    type: "participant:joined",
    payload: { participant: participant("ada") },
  };
  const left: SignalingEvent = {
    type: "participant:left",
    payload: { peerId: "bob", reason: "REJECTED" },
  };
  expect([...after(eve).waiting.keys()]).toEqual(["ada", "bob", "eve"]);
  expect([...after(eve, inside, left).waiting.keys()]).toEqual(["eve"]);
});

test("what concerns others changes nothing", () => {
  const strangers: SignalingEvent[] = [
    { type: "participant:joined", payload: { participant: participant("eve") } },
    { type: "participant:left", payload: { peerId: "eve", reason: "LEFT" } },
    { type: "message", payload: { from: "ada", body: "Hello" } },
  ];
  for (const event of strangers) expect(after(event)).toBe(room);
});

test("one who is no moderator is told of nobody who waits", () => {
  expect(conditionOf({ roomConfig: { locked: true } } as RoomState)).toEqual({
    locked: true,
    waiting: new Map(),
  });
});

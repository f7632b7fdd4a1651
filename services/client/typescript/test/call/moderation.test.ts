import type { Device } from "mediasoup-client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import { Call } from "../../src/call/call.js";
import type { RoomCondition } from "../../src/call/condition.js";
import type { TextMessage } from "../../src/signaling/message.js";
import { ScriptedGateway } from "../support/gateway.js";
import { deviceWithoutBrowser, openRoom, participant, type ScriptedRoom } from "../support/room.js";
import { until } from "../support/until.js";

let gateway: ScriptedGateway;
let room: ScriptedRoom;
let call: Call;
let rooms: RoomCondition[];
let messages: TextMessage[];

beforeEach(async () => {
  gateway = await ScriptedGateway.listen();
  room = openRoom(gateway, "proctor", [participant("ada")]);
  rooms = [];
  messages = [];
  call = new Call(
    {
      url: gateway.url,
      token: "token",
      roomId: "room",
      displayName: "Me",
      webSocket: WebSocket as unknown as typeof globalThis.WebSocket,
      device: (): Device => deviceWithoutBrowser(),
    },
    { onRoom: (condition) => rooms.push(condition), onMessage: (said) => messages.push(said) },
  );
});

afterEach(async () => {
  call.leave();
  await gateway.close();
});

async function joined(): Promise<void> {
  call.start();
  await until("joined", () => call.state.phase === "joined");
}

const asked = (type: string) =>
  gateway.requests.filter(({ envelope }) => envelope.type === type).map(({ payload }) => payload);

test("each thing that a moderator does is one request", async () => {
  const requests: [() => Promise<void>, string, string, unknown][] = [
    [() => call.moderation.mute("ada"), "peer:mute", "peer:muted", { peerId: "ada" }],
    [() => call.moderation.unmute("ada"), "peer:unmute", "peer:unmuted", { peerId: "ada" }],
    [
      () => call.moderation.kick("ada", "Two people"),
      ...(["peer:kick", "peer:kicked", { peerId: "ada", reason: "Two people" }] as const),
    ],
    [() => call.moderation.kick("ada", ""), "peer:kick", "peer:kicked", { peerId: "ada" }],
    [() => call.moderation.admit("eve"), "peer:admit", "peer:admitted", { peerId: "eve" }],
    [() => call.moderation.reject("eve"), "peer:reject", "peer:rejected", { peerId: "eve" }],
    [
      () => call.moderation.pauseProducer("ada.1"),
      ...(["producer:pause", "producer:paused", { producerId: "ada.1" }] as const),
    ],
    [
      () => call.moderation.resumeProducer("ada.1"),
      ...(["producer:resume", "producer:resumed", { producerId: "ada.1" }] as const),
    ],
  ];
  await joined();
  for (const [act, type, reply, payload] of requests) {
    gateway.on(type, (request) => request.reply(reply, request.payload));
    await act();
    expect(asked(type).at(-1)).toEqual(payload);
  }
});

test("what is refused, or asked outside of the room, is a CallError", async () => {
  await expect(call.moderation.mute("ada")).rejects.toMatchObject({
    code: "CLOSED",
    reason: "NOT_JOINED",
  });
  await joined();
  gateway.on("peer:mute", ({ refuse }) => refuse("FORBIDDEN", "NOT_A_MODERATOR"));
  await expect(call.moderation.mute("ada")).rejects.toMatchObject({
    code: "FORBIDDEN",
    reason: "NOT_A_MODERATOR",
  });
});

test("a lock is known to the side that locked, and to the others by event", async () => {
  gateway
    .on("room:lock", ({ reply }) => reply("room:locked", {}))
    .on("room:unlock", ({ reply }) => reply("room:unlocked", {}));
  await joined();
  await call.moderation.lock();
  expect([call.room.locked, rooms.at(-1)?.locked]).toEqual([true, true]);
  await call.moderation.unlock();
  expect(call.room.locked).toBe(false);
  room.tell("room:locked", {});
  await until("the event", () => call.room.locked);
});

test("who waits is told, and nobody once the call is left", async () => {
  await joined();
  room.tell("participant:waiting", {
    peerId: "eve",
    userId: "eve",
    displayName: "Eve",
    appData: {},
  });
  await until("the event", () => call.room.waiting.size === 1);
  expect(call.room.waiting.get("eve")?.displayName).toBe("Eve");
  call.leave();
  expect(call.room).toEqual({ locked: false, waiting: new Map() });
});

test("messages go to everyone or to one, and come once each", async () => {
  gateway.on("message:send", ({ reply }) => reply("message:sent", {}));
  await joined();
  await call.send({ text: "To all" });
  await call.send({ text: "To Ada" }, "ada");
  expect(asked("message:send")).toEqual([
    { body: { text: "To all" } },
    { body: { text: "To Ada" }, to: "ada" },
  ]);
  room.tell("message", { from: "ada", body: { text: "Here" } });
  await until("the message", () => messages.length > 0);
  gateway.cut();
  await until("back", () => call.state.phase === "joined" && call.state.connection === "ok");
  expect(messages).toEqual([{ from: "ada", body: { text: "Here" } }]);
});

test("what others see of this peer is told again where it has to join anew", async () => {
  gateway.on("peer:update", ({ reply }) => reply("peer:updated", {}));
  await call.update({ handRaised: true });
  await joined();
  await until("the hand", () => asked("peer:update").length === 1);
  await call.update({ appData: { seat: 4 } });
  // Another worker, and then another session.
  room.epoch = "e2";
  gateway.cut();
  await until("the move", () => asked("peer:update").length === 3);
  room.token = undefined;
  gateway.cut();
  await until("the new session", () => asked("peer:update").length === 4);

  const both = { handRaised: true, appData: { seat: 4 } };
  expect(asked("peer:update")).toEqual([
    { handRaised: true },
    { appData: { seat: 4 } },
    both,
    both,
  ]);
});

test("a change that is refused is not told again", async () => {
  gateway.on("peer:update", ({ refuse }) => refuse("RATE_LIMITED", "TOO_MUCH_SAID"));
  await joined();
  await expect(call.update({ handRaised: true })).rejects.toMatchObject({ code: "RATE_LIMITED" });
  room.epoch = "e2";
  const transports = gateway.types.filter((type) => type === "transport:create").length;
  gateway.cut();
  await until(
    "media of the new worker",
    () => gateway.types.filter((type) => type === "transport:create").length > transports,
  );
  expect(asked("peer:update")).toHaveLength(1);
});

test("a change that was under way when the worker was lost is told to the next one", async () => {
  await joined();
  gateway.on("peer:update", () => {
    gateway.on("peer:update", ({ reply }) => reply("peer:updated", {}));
    room.epoch = "e2";
    gateway.cut();
  });
  await call.update({ handRaised: true });
  await until("the move", () => asked("peer:update").length > 1);
  expect(asked("peer:update")).toEqual([{ handRaised: true }, { handRaised: true }]);
});

import { afterEach, beforeEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import { Call } from "../../src/call/call.js";
import type { Speaker } from "../../src/signaling/message.js";
import { ScriptedGateway } from "../support/gateway.js";
import { deviceWithoutBrowser, openRoom, participant, producer } from "../support/room.js";
import { until } from "../support/until.js";

const ADA: Speaker = { peerId: "ada", producerId: "ada.audio", level: 34 };
const BEN: Speaker = { peerId: "ben", producerId: "ben.audio", level: 47 };

let gateway: ScriptedGateway;
let call: Call;
let told: (readonly Speaker[])[];

beforeEach(async () => {
  gateway = await ScriptedGateway.listen();
  openRoom(gateway, "proctor", [
    participant("ada", "candidate", [producer(ADA.producerId, "audio")]),
  ]);
  told = [];
  call = new Call(
    {
      url: gateway.url,
      token: "token",
      roomId: "room",
      displayName: "Me",
      webSocket: WebSocket as unknown as typeof globalThis.WebSocket,
      device: deviceWithoutBrowser,
    },
    { onSpeakers: (speakers) => told.push(speakers) },
  );
  call.start();
  await until("joined", () => call.state.phase === "joined");
});

afterEach(async () => {
  call.leave();
  await gateway.close();
});

function speak(...speakers: Speaker[]): void {
  gateway.tell("speaker:active", { speakers });
}

test("who speaks is told as it changes, though nothing is received", async () => {
  expect(call.speakers).toEqual([]);
  speak(ADA);
  speak(BEN, ADA);
  speak();
  await until("silence", () => told.length === 3);
  expect(told).toEqual([[ADA], [BEN, ADA], []]);
  expect(call.speakers).toEqual([]);
});

test("nobody speaks while the connection is lost, and it is told again afterwards", async () => {
  speak(ADA);
  await until("Ada", () => call.speakers.length === 1);
  gateway.cut();
  await until("nobody", () => call.speakers.length === 0);
  await until("back", () => call.state.phase === "joined" && call.state.connection === "ok");
  speak(ADA);
  await until("Ada again", () => call.speakers.length === 1);
  expect(told).toEqual([[ADA], [], [ADA]]);
});

test("whoever leaves hears of nobody", async () => {
  speak(ADA);
  await until("Ada", () => call.speakers.length === 1);
  call.leave();
  expect(told).toEqual([[ADA], []]);
});

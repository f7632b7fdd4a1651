import { afterEach, beforeEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import { Call } from "../../src/call/call.js";
import type { Wish } from "../../src/call/preference.js";
import type { RemoteTrack, Score } from "../../src/call/subscriber.js";
import { ScriptedGateway } from "../support/gateway.js";
import { deviceWithoutBrowser, openRoom, participant, producer } from "../support/room.js";
import { until } from "../support/until.js";

const PRODUCER = "ada.layers";
const CONSUMER = `consumer-of-${PRODUCER}`;

let gateway: ScriptedGateway;
let call: Call;
let tracks: Map<string, RemoteTrack>;
let layers: (number | undefined)[];
let scores: (Score | undefined)[];
let wish: boolean | Wish;

function of(consumerId: string): [string, unknown][] {
  return gateway.requests
    .filter(({ payload }) => payload.consumerId === consumerId)
    .map(({ envelope, payload }) => [envelope.type, payload.spatialLayer]);
}

function enter(): void {
  call.start();
}

beforeEach(async () => {
  gateway = await ScriptedGateway.listen();
  openRoom(gateway, "proctor", [
    participant("ada", "candidate", [producer(PRODUCER), producer("ada.audio", "audio")]),
  ]);
  tracks = new Map();
  layers = [];
  scores = [];
  wish = { spatialLayer: 0 };
  call = new Call(
    {
      url: gateway.url,
      token: "token",
      roomId: "room",
      displayName: "Me",
      wants: () => wish,
      webSocket: WebSocket as unknown as typeof globalThis.WebSocket,
      device: deviceWithoutBrowser,
    },
    {
      onTrack: (track) => tracks.set(track.producerId, track),
      onTrackGone: ({ producerId }) => tracks.delete(producerId),
      onLayer: ({ layer }) => layers.push(layer),
      onScore: ({ score }) => scores.push(score),
    },
  );
});

afterEach(async () => {
  call.leave();
  await gateway.close();
});

test("a low layer is asked for before the first picture is", async () => {
  enter();
  await until("resumed", () => of(CONSUMER).length === 2);
  expect(of(CONSUMER)).toEqual([
    ["consumer:set-layers", 0],
    ["consumer:resume", undefined],
  ]);
  expect(tracks.get(PRODUCER)?.layers).toBe(3);
});

test("the best layer comes unasked, and sound has none", async () => {
  wish = true;
  enter();
  await until("both resumed", () => of(CONSUMER).length + of("consumer-of-ada.audio").length === 2);
  expect(of(CONSUMER)).toEqual([["consumer:resume", undefined]]);
  expect(of("consumer-of-ada.audio")).toEqual([["consumer:resume", undefined]]);
});

test("a layer that is preferred goes before the wish, and one too high is the highest", async () => {
  enter();
  await until("resumed", () => of(CONSUMER).length === 2);
  call.preferLayer(PRODUCER, 99);
  await until("the highest", () => of(CONSUMER).length === 3);
  call.preferLayer(PRODUCER, 1);
  await until("the middle", () => of(CONSUMER).length === 4);
  call.preferLayer(PRODUCER, 1);
  call.preferLayer(PRODUCER, -4);
  await until("the lowest", () => of(CONSUMER).length === 5);
  expect(of(CONSUMER).slice(2)).toEqual([
    ["consumer:set-layers", 2],
    ["consumer:set-layers", 1],
    ["consumer:set-layers", 0],
  ]);
});

test("a wish that has changed is told at refresh", async () => {
  enter();
  await until("resumed", () => of(CONSUMER).length === 2);
  wish = { spatialLayer: 2 };
  call.refresh();
  await until("the other layer", () => of(CONSUMER).length === 3);
  expect(of(CONSUMER).at(-1)).toEqual(["consumer:set-layers", 2]);
  wish = false;
  call.refresh();
  await until("the end of the track", () => !tracks.has(PRODUCER));
});

test("a server that knows no layers still shows the picture", async () => {
  gateway.on("consumer:set-layers", ({ refuse }) => refuse("UNAVAILABLE", "NOT_BUILT"));
  enter();
  await until("resumed", () => of(CONSUMER).length === 2);
  call.preferLayer(PRODUCER, 2);
  await until("asked again", () => of(CONSUMER).length === 3);
  expect(call.state.phase).toBe("joined");
  expect(tracks.get(PRODUCER)?.track.readyState).toBe("live");
});

test("a paused track is held back by the server and stays a track", async () => {
  enter();
  await until("resumed", () => of(CONSUMER).length === 2);
  call.pauseTrack(PRODUCER);
  await until("paused", () => of(CONSUMER).length === 3);
  call.pauseTrack(PRODUCER);
  call.resumeTrack(PRODUCER);
  await until("resumed", () => of(CONSUMER).length === 4);
  expect(
    of(CONSUMER)
      .slice(2)
      .map(([type]) => type),
  ).toEqual(["consumer:pause", "consumer:resume"]);
  expect(tracks.has(PRODUCER)).toBe(true);
});

test("what is paused before it is here is never sent", async () => {
  call.pauseTrack(PRODUCER);
  enter();
  await until("sound", () => of("consumer-of-ada.audio").length === 1);
  await until("the layer", () => of(CONSUMER).length === 1);
  expect(of(CONSUMER)).toEqual([["consumer:set-layers", 0]]);
});

test("the layer that arrives is told, and that none does", async () => {
  enter();
  await until("resumed", () => of(CONSUMER).length === 2);
  for (const spatialLayer of [2, 2, 0, undefined, 1]) {
    gateway.tell("consumer:layers", {
      consumerId: CONSUMER,
      ...(spatialLayer !== undefined && { spatialLayer }),
    });
  }
  gateway.tell("consumer:layers", { consumerId: "of nobody", spatialLayer: 1 });
  await until("the last one", () => tracks.get(PRODUCER)?.layer === 1);
  expect(layers).toEqual([2, 0, undefined, 1]);
});

test("scores of what is received are told, and those of others are passed over", async () => {
  enter();
  await until("resumed", () => of(CONSUMER).length === 2);
  expect(tracks.get(PRODUCER)?.score).toBeUndefined();
  gateway.tell("consumer:score", { consumerId: CONSUMER, score: 9, producerScore: 10 });
  gateway.tell("consumer:score", { consumerId: "of nobody", score: 1, producerScore: 1 });
  gateway.tell("consumer:score", { consumerId: CONSUMER, score: 4, producerScore: 10 });
  await until("the last one", () => scores.length === 2);
  expect(scores).toEqual([
    { score: 9, producerScore: 10 },
    { score: 4, producerScore: 10 },
  ]);
  expect(tracks.get(PRODUCER)).toMatchObject({ score: { score: 4 }, layer: undefined });
});

test("stats of a producer are those of both of its ways, and else those of the transports", async () => {
  gateway.on("stats:get", ({ reply, payload }) => reply("stats:got", { stats: [payload] }));
  await expect(call.serverStats(PRODUCER)).rejects.toMatchObject({ code: "CLOSED" });
  enter();
  await until("resumed", () => of(CONSUMER).length === 2);
  expect(await call.serverStats(PRODUCER)).toEqual([
    { producerId: PRODUCER },
    { consumerId: CONSUMER },
  ]);
  expect(await call.serverStats("of.somebody")).toEqual([{ producerId: "of.somebody" }]);
  const created = gateway.requests.filter(({ envelope }) => envelope.type === "transport:create");
  expect(await call.serverStats()).toHaveLength(created.length);
  gateway.on("stats:get", ({ refuse }) => refuse("NOT_FOUND", "PRODUCER_NOT_FOUND"));
  await expect(call.serverStats("gone")).rejects.toMatchObject({ reason: "PRODUCER_NOT_FOUND" });
});

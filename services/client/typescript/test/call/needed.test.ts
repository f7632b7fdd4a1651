import { FakeMediaStreamTrack } from "fake-mediastreamtrack";
import { FakeHandler } from "mediasoup-client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { Call, type CallOptions } from "../../src/call/call.js";
import type { Publication } from "../../src/call/publication.js";
import { ScriptedGateway } from "../support/gateway.js";
import { deviceWithoutBrowser, openRoom, type ScriptedRoom } from "../support/room.js";
import { until } from "../support/until.js";

let gateway: ScriptedGateway;
let room: ScriptedRoom;
let call: Call | undefined;
let needed: (number | undefined)[];
// The highest layer that the browser was told to send, in order; -1: none.
let switched: number[];

const video = () => new FakeMediaStreamTrack({ kind: "video" });

async function publish(options: Partial<CallOptions> = {}): Promise<Publication> {
  call = new Call(
    {
      url: gateway.url,
      token: "token",
      roomId: "room",
      displayName: "Me",
      webSocket: WebSocket as unknown as typeof globalThis.WebSocket,
      device: deviceWithoutBrowser,
      ...options,
    },
    { onPublication: ({ neededLayers }) => needed.push(neededLayers) },
  );
  call.start();
  const camera = call.publish(video(), { source: "camera" });
  await until("live", () => camera.state === "live");
  return camera;
}

function tell(producerId: string | undefined, spatialLayer?: number): void {
  gateway.tell("producer:layers-needed", {
    producerId,
    ...(spatialLayer !== undefined && { spatialLayer }),
  });
}

beforeEach(async () => {
  gateway = await ScriptedGateway.listen();
  room = openRoom(gateway, "candidate", []);
  needed = [];
  switched = [];
  const setMaxSpatialLayer = async (_: string, layer: number) => void switched.push(layer);
  vi.spyOn(FakeHandler.prototype, "setMaxSpatialLayer").mockImplementation(setMaxSpatialLayer);
});

afterEach(async () => {
  call?.leave();
  await gateway.close();
  vi.restoreAllMocks();
});

test("all layers are sent until the server says what is needed", async () => {
  const camera = await publish();
  expect(camera.neededLayers).toBeUndefined();
  expect(switched).toEqual([]);
});

test("what is not needed is switched off, and on again when it is", async () => {
  const camera = await publish();
  for (const layer of [0, undefined, 2]) {
    const before = switched.length;
    tell(camera.producerId, layer);
    await until("switched", () => switched.length > before);
  }
  expect(switched).toEqual([0, -1, 2]);
  expect(camera.neededLayers).toBe(3);
  expect(needed.filter((count) => count !== undefined)).toEqual([1, 0, 3]);
});

test("that all are needed is no work for a browser that sends all", async () => {
  const camera = await publish();
  tell(camera.producerId, 2);
  await until("known", () => camera.neededLayers === 3);
  tell(camera.producerId, 1);
  await until("switched", () => switched.length === 1);
  expect(switched).toEqual([1]);
});

test("a browser that is busy is told the last of several needs alone", async () => {
  let done: () => void = () => {};
  vi.mocked(FakeHandler.prototype.setMaxSpatialLayer).mockImplementation(async (_, layer) => {
    switched.push(layer);
    await new Promise<void>((resolve) => {
      done = resolve;
    });
  });
  const camera = await publish();
  tell(camera.producerId);
  await until("begun", () => switched.length === 1);
  for (const layer of [0, 1, 2, 0]) tell(camera.producerId, layer);
  await until("known", () => camera.neededLayers === 1 && needed.includes(3));
  done();
  await until("switched", () => switched.length === 2);
  done();
  expect(switched).toEqual([-1, 0]);
});

test("a page may send everything, and still knows what is needed", async () => {
  const camera = await publish({ sendAllLayers: true });
  tell(camera.producerId, 0);
  await until("known", () => camera.neededLayers === 1);
  expect(switched).toEqual([]);
});

test("layers are switched in turn with another track, which is sent in the same layers", async () => {
  const order: string[] = [];
  vi.mocked(FakeHandler.prototype.setMaxSpatialLayer).mockImplementation(async () => {
    order.push("layers begin");
    await new Promise((resolve) => setTimeout(resolve, 20));
    order.push("layers end");
  });
  const replaced = vi.spyOn(FakeHandler.prototype, "replaceTrack");
  replaced.mockImplementation(async () => void order.push("track"));
  const camera = await publish();
  tell(camera.producerId, 0);
  await until("begun", () => order.length === 1);
  await camera.replaceTrack(video());
  expect(order).toEqual(["layers begin", "layers end", "track"]);
});

test("a browser that refuses is written about, and the publication goes on", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  const encodings = [{ active: true }, { active: true }, { active: true }];
  const rtpSender = { getParameters: () => ({ encodings }) } as unknown as RTCRtpSender;
  const { send } = FakeHandler.prototype;
  vi.spyOn(FakeHandler.prototype, "send").mockImplementation(async function (this: FakeHandler, o) {
    return { ...(await send.call(this, o)), rtpSender };
  });
  const camera = await publish();
  tell(camera.producerId, 0);
  await until("written", () => warn.mock.calls.length === 1);
  expect(String(warn.mock.calls[0]?.[1])).toContain("did not switch");
  expect(camera).toMatchObject({ state: "live", neededLayers: 1 });
});

test("a need that comes before its producer is complete is heeded then", async () => {
  const produce = gateway.answerTo("produce");
  gateway.on("produce", (request) => {
    tell("me-1.2", 0);
    produce?.(request);
  });
  const camera = await publish();
  expect(camera.producerId).toBe("me-1.2");
  await until("switched", () => switched.length === 1);
  expect([switched, camera.neededLayers]).toEqual([[0], 1]);
});

test("what is published anew is sent in all layers, until the server says otherwise", async () => {
  const camera = await publish();
  tell(camera.producerId);
  await until("off", () => camera.neededLayers === 0);
  room.token = undefined;
  gateway.cut();
  await until("gone", () => camera.state !== "live");
  await until("live again", () => camera.state === "live");
  expect(camera.neededLayers).toBeUndefined();
  expect(switched).toEqual([-1]);
});

test("a need of what is not, or not any more, one's own changes nothing", async () => {
  const camera = await publish();
  const { producerId } = camera;
  tell("somebody.7", 0);
  camera.close();
  tell(producerId, 0);
  const other = call?.publish(video(), { source: "screen" });
  await until("the next", () => other?.state === "live");
  expect(switched).toEqual([]);
  expect(needed.every((count) => count === undefined)).toBe(true);
});

import { FakeMediaStreamTrack } from "fake-mediastreamtrack";
import { afterEach, beforeEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import { Call } from "../../src/call/call.js";
import type { Publication, PublicationState } from "../../src/call/publication.js";
import { ScriptedGateway } from "../support/gateway.js";
import { deviceWithoutBrowser, openRoom, type ScriptedRoom } from "../support/room.js";
import { until } from "../support/until.js";

let gateway: ScriptedGateway;
let room: ScriptedRoom;
let call: Call;
let states: [Publication, PublicationState][];

const trackOf = (kind: "audio" | "video"): FakeMediaStreamTrack =>
  new FakeMediaStreamTrack({ kind });

function requests(type: string): Record<string, unknown>[] {
  return gateway.requests
    .filter(({ envelope }) => envelope.type === type)
    .map(({ payload }) => payload);
}

beforeEach(async () => {
  gateway = await ScriptedGateway.listen();
  room = openRoom(gateway, "candidate", []);
  states = [];
  call = new Call(
    {
      url: gateway.url,
      token: "token",
      roomId: "room",
      displayName: "Me",
      webSocket: WebSocket as unknown as typeof globalThis.WebSocket,
      device: deviceWithoutBrowser,
    },
    { onPublication: (publication) => states.push([publication, publication.state]) },
  );
});

afterEach(async () => {
  call.leave();
  await gateway.close();
});

test("a track that is published before the call begins waits for the room", async () => {
  const camera = call.publish(trackOf("video"), { source: "camera" });
  expect(camera).toMatchObject({ state: "waiting", kind: "video", producerId: undefined });
  call.start();
  await until("live", () => camera.state === "live");
  expect(camera.producerId).toMatch(/^me-1\./);
  expect(states.map(([, state]) => state)).toEqual(["publishing", "live"]);
});

test("several sources go over one transport, and say what they are", async () => {
  call.start();
  const camera = call.publish(trackOf("video"), { source: "camera" });
  const screen = call.publish(trackOf("video"), { source: "screen" });
  const voice = call.publish(trackOf("audio"), { source: "microphone" });
  await until("all live", () => [camera, screen, voice].every(({ state }) => state === "live"));
  const sources = requests("produce").map(({ appData }) => (appData as { source: string }).source);
  expect(sources.sort()).toEqual(["camera", "microphone", "screen"]);
  expect(requests("transport:create")).toHaveLength(1);
});

test("a screen is sent in two layers of few pictures a second", async () => {
  call.start();
  call.publish(trackOf("video"), { source: "screen" });
  await until("produced", () => requests("produce").length === 1);
  const [{ rtpParameters } = {}] = requests("produce");
  const { encodings } = rtpParameters as { encodings: { maxFramerate: number }[] };
  expect(encodings.map(({ maxFramerate }) => maxFramerate)).toEqual([5, 15]);
});

test("pausing is told once it has settled, and the last wish counts", async () => {
  call.start();
  const voice = call.publish(trackOf("audio"), { source: "microphone" });
  await until("live", () => voice.state === "live");
  for (const paused of [true, false, true, false, true]) {
    if (paused) voice.pause();
    else voice.resume();
  }
  expect(voice.paused).toBe(true);
  await until("paused", () => requests("producer:pause").length > 0);
  voice.resume();
  await until("resumed", () => gateway.types.at(-1) === "producer:resume");
  expect(requests("producer:pause").length).toBeLessThanOrEqual(2);
});

test("what is paused before it is published is published as paused, and so again", async () => {
  const camera = call.publish(trackOf("video"), { source: "camera" });
  camera.pause();
  call.start();
  await until("live", () => camera.state === "live");
  expect(requests("produce")[0]).toMatchObject({ paused: true });
  room.token = undefined;
  gateway.cut();
  await until("live again", () => requests("produce").length === 2 && camera.state === "live");
  expect(requests("produce")[1]).toMatchObject({ paused: true });
  expect(camera.paused).toBe(true);
});

test("what a moderator holds is said to be muted, and goes on as wished when let go", async () => {
  call.start();
  const voice = call.publish(trackOf("audio"), { source: "microphone" });
  await until("live", () => voice.state === "live");
  voice.pause();
  await until("paused", () => requests("producer:pause").length === 1);
  const { producerId } = voice;
  const resume = gateway.answerTo("producer:resume");
  gateway.on("producer:resume", ({ refuse }) => refuse("FORBIDDEN", "MUTED_BY_MODERATOR"));
  room.tell("producer:paused", { producerId, muted: true });
  await until("muted", () => voice.muted);
  voice.resume();
  await until("the refusal", () => requests("producer:resume").length === 1);
  expect(voice).toMatchObject({ state: "live", paused: false, muted: true });

  gateway.on("producer:resume", resume);
  room.tell("producer:paused", { producerId });
  await until("let go", () => !voice.muted);
  await until("resumed", () => requests("producer:resume").length === 2);
});

test("what is published while its user is muted is known to be from the first", async () => {
  gateway.on("produce", ({ reply }) => reply("produced", { producerId: "me-1.9", muted: true }));
  call.start();
  const voice = call.publish(trackOf("audio"), { source: "microphone" });
  await until("live", () => voice.state === "live");
  expect(voice.muted).toBe(true);
  room.tell("producer:resumed", { producerId: "me-1.9" });
  await until("let go", () => !voice.muted);
});

test("another track takes the place of one without another producer", async () => {
  call.start();
  const camera = call.publish(trackOf("video"), { source: "camera" });
  await until("live", () => camera.state === "live");
  const other = trackOf("video");
  await camera.replaceTrack(other);
  expect(camera.track).toBe(other);
  expect(requests("produce")).toHaveLength(1);
});

test("a track of the wrong kind or one that has ended is refused, and the old one goes on", async () => {
  call.start();
  const first = trackOf("video");
  const camera = call.publish(first, { source: "camera" });
  await expect(camera.replaceTrack(trackOf("audio"))).rejects.toMatchObject({
    code: "TRACK",
    reason: "WRONG_KIND",
  });
  const ended = trackOf("video");
  ended.stop();
  await expect(camera.replaceTrack(ended)).rejects.toMatchObject({ reason: "TRACK_ENDED" });
  expect(camera.track).toBe(first);
  expect(() => call.publish(trackOf("audio"), { source: "screen" })).toThrow("A screen is video.");
});

test("a closed publication is taken back from the room, and may be made again", async () => {
  call.start();
  const track = trackOf("video");
  const first = call.publish(track, { source: "screen" });
  await until("live", () => first.state === "live");
  const producerId = first.producerId;
  first.close();
  expect(first.state).toBe("ended");
  await until("the closing", () => requests("producer:close").length === 1);
  expect(requests("producer:close")[0]).toEqual({ producerId });
  expect(track.readyState).toBe("live");
  expect(call.publications).toEqual([]);

  const second = call.publish(track, { source: "screen" });
  await until("live again", () => second.state === "live");
  expect(second.producerId).not.toBe(producerId);
});

test("a track that ends by itself ends its publication", async () => {
  call.start();
  const track = trackOf("video");
  const screen = call.publish(track, { source: "screen" });
  await until("live", () => screen.state === "live");
  track.remoteStop();
  await until("the closing", () => requests("producer:close").length === 1);
  expect(screen.state).toBe("ended");
});

test("a refusal of one is its own, says why, and is tried again after rejoining", async () => {
  const produce = gateway.answerTo("produce");
  gateway.on("produce", (request) => {
    if (request.payload.kind === "video") request.refuse("PRODUCE_ERROR", "LIMIT");
    else produce(request);
  });
  call.start();
  const camera = call.publish(trackOf("video"), { source: "camera" });
  const voice = call.publish(trackOf("audio"), { source: "microphone" });
  await until("refused", () => camera.state === "failed");
  await until("live", () => voice.state === "live");
  expect(camera.error).toMatchObject({ code: "PRODUCE_ERROR", reason: "LIMIT" });
  expect(call.state).toMatchObject({ phase: "joined", published: false });

  gateway.on("produce", produce);
  room.token = undefined;
  gateway.cut();
  await until("live", () => camera.state === "live");
  expect(camera.error).toBeUndefined();
});

test("statistics of what is not being sent are zeros", async () => {
  const camera = call.publish(trackOf("video"), { source: "camera" });
  expect(await camera.stats()).toEqual({ kind: "video", bitrate: 0, layers: [] });
});

test("scores of what is sent are told, and begin anew with another session", async () => {
  call.start();
  const camera = call.publish(trackOf("video"), { source: "camera" });
  await until("live", () => camera.state === "live");
  expect(camera.scores).toEqual([]);
  const scores = [
    { layer: 0, rid: "r0", score: 10 },
    { layer: 1, rid: "r1", score: 0 },
  ];
  const told = states.length;
  gateway.tell("producer:score", { producerId: "of nobody", scores: [] });
  gateway.tell("producer:score", { producerId: camera.producerId, scores });
  await until("told", () => states.length > told);
  expect(camera.scores).toEqual(scores);
  room.token = undefined;
  gateway.cut();
  await until("live again", () => states.filter(([, state]) => state === "live").length === 3);
  expect(camera.scores).toEqual([]);
});

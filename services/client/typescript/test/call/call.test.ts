import { FakeMediaStreamTrack } from "fake-mediastreamtrack";
import { type Device, FakeHandler } from "mediasoup-client";
import type { Transport } from "mediasoup-client/types";
import { afterEach, beforeEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import { Call, type CallState } from "../../src/call/call.js";
import type { Roster } from "../../src/call/roster.js";
import type { RemoteTrack } from "../../src/call/subscriber.js";
import type { Connection } from "../../src/signaling/client.js";
import { ScriptedGateway } from "../support/gateway.js";
import { deviceWithoutBrowser, openRoom, participant, producer } from "../support/room.js";
import { until } from "../support/until.js";

let gateway: ScriptedGateway;
let call: Call;
let states: CallState[];
let roster: Roster;
let tracks: Map<string, RemoteTrack>;
let transports: Transport[];

function observedDevice(): Device {
  const device = deviceWithoutBrowser();
  device.observer.on("newtransport", (transport) => transports.push(transport));
  return device;
}

function enter(published: MediaStreamTrack[] = []): void {
  call = new Call(
    {
      url: gateway.url,
      token: "token",
      roomId: "room",
      displayName: "Me",
      wants: ({ role }) => role === "candidate",
      webSocket: WebSocket as unknown as typeof globalThis.WebSocket,
      device: observedDevice,
    },
    {
      onState: (state) => states.push(state),
      onRoster: (next) => {
        roster = next;
      },
      onTrack: (track) => tracks.set(track.producerId, track),
      onTrackGone: ({ producerId }) => tracks.delete(producerId),
    },
  );
  for (const track of published) {
    call.publish(track, { source: track.kind === "video" ? "camera" : "microphone" });
  }
  call.start();
}

const isJoined = (connection: Connection) =>
  call.state.phase === "joined" && call.state.connection === connection;

const countOf = (type: string) => gateway.types.filter((other) => other === type).length;

function setMediaState(direction: "send" | "recv", state: "connected" | "disconnected" | "failed") {
  const transport = transports.filter((candidate) => candidate.direction === direction).at(-1);
  if (!(transport?.handler instanceof FakeHandler)) throw new Error(`No ${direction} transport.`);
  transport.handler.setConnectionState(state);
}

beforeEach(async () => {
  gateway = await ScriptedGateway.listen();
  states = [];
  roster = new Map();
  tracks = new Map();
  transports = [];
});

afterEach(async () => {
  call.leave();
  await gateway.close();
});

test("a candidate publishes camera and microphone, the camera in three layers", async () => {
  openRoom(gateway, "candidate", []);
  const [video, audio] = ["video", "audio"].map((kind) => new FakeMediaStreamTrack({ kind }));
  enter([video, audio] as unknown as MediaStreamTrack[]);
  await until("published", () => call.state.phase === "joined" && call.state.published);

  expect(gateway.types.slice(0, 3)).toEqual(["auth:request", "room:join", "transport:create"]);
  expect(gateway.types.filter((type) => type === "transport:connect")).toHaveLength(1);
  const produced = gateway.requests.filter(({ envelope }) => envelope.type === "produce");
  expect(produced.map(({ payload }) => payload.kind).sort()).toEqual(["audio", "video"]);
  const camera = produced.find(({ payload }) => payload.kind === "video")?.payload.rtpParameters;
  const { encodings = [] } = camera as { encodings?: Record<string, unknown>[] };
  expect(
    encodings.map(({ scaleResolutionDownBy, maxBitrate }) => [scaleResolutionDownBy, maxBitrate]),
  ).toEqual([
    [4, 200_000],
    [2, 600_000],
    [1, 2_500_000],
  ]);
});

test("a proctor receives every candidate that is there, and resumes each stream", async () => {
  openRoom(gateway, "proctor", [
    participant("ada", "candidate", [producer("ada.1"), producer("ada.2-audio", "audio")]),
    participant("eve", "proctor", [producer("eve.1")]),
  ]);
  enter();
  await until("both tracks", () => tracks.size === 2);

  expect([...tracks.keys()].sort()).toEqual(["ada.1", "ada.2-audio"]);
  expect(tracks.get("ada.2-audio")).toMatchObject({ peerId: "ada", kind: "audio" });
  await until("both resumed", () => gateway.types.filter((t) => t.includes("resume")).length === 2);
  expect(
    gateway.requests.find(({ envelope }) => envelope.type === "consume")?.payload,
  ).toMatchObject({
    transportId: "t1",
    paused: true,
    rtpCapabilities: { codecs: expect.anything() },
  });
});

test("a producer that comes later is received, and one that closes is let go", async () => {
  openRoom(gateway, "proctor", [participant("ada")]);
  enter();
  await until("joined", () => call.state.phase === "joined");
  const { kind, paused, appData } = producer("ada.1");
  gateway.tell(
    "producer:new",
    { peerId: "ada", producerId: "ada.1", kind, paused, appData },
    { epoch: "e1", seq: 6 },
  );
  await until("the track", () => tracks.has("ada.1"));

  gateway.tell("consumer:closed", { consumerId: "consumer-of-ada.1" }, { epoch: "e1", seq: 7 });
  gateway.tell("producer:closed", { producerId: "ada.1" }, { epoch: "e1", seq: 8 });
  await until("the end of the track", () => tracks.size === 0);
  expect(roster.get("ada")?.producers).toEqual([]);
});

test("a producer that closes while it is asked for never becomes a track", async () => {
  openRoom(gateway, "proctor", [
    participant("ada", "candidate", [producer("ada.1")]),
    participant("bob", "candidate", [producer("bob.1")]),
  ]);
  let connect: (() => void) | undefined;
  gateway.on("transport:connect", ({ reply, payload }) => {
    connect = () => reply("transport:connected", payload);
  });
  enter();
  await until("the transport's connecting", () => connect !== undefined);
  gateway.tell("producer:closed", { producerId: "ada.1" }, { epoch: "e1", seq: 6 });
  await until("the closing", () => roster.get("ada")?.producers.length === 0);
  connect?.();
  await until("the other track", () => tracks.has("bob.1"));
  expect(tracks.has("ada.1")).toBe(false);
});

test("a producer that goes and comes back while it is asked for is asked for once", async () => {
  const ada = participant("ada", "candidate", [producer("ada.1")]);
  openRoom(gateway, "proctor", [ada]);
  const consume = gateway.answerTo("consume");
  const asked: Parameters<typeof consume>[0][] = [];
  gateway.on("consume", (request) => asked.push(request));
  enter();
  await until("the request", () => asked.length === 1);
  gateway.tell("participant:left", { peerId: "ada", reason: "LEFT" }, { epoch: "e1", seq: 6 });
  gateway.tell("participant:joined", { participant: ada }, { epoch: "e1", seq: 7 });
  const bob = participant("bob", "candidate", [producer("bob.1")]);
  gateway.tell("participant:joined", { participant: bob }, { epoch: "e1", seq: 8 });
  await until("the request for the next one", () => asked.length > 1);
  for (const request of asked) consume(request);
  await until("both tracks", () => tracks.size === 2);
  expect(asked.map(({ payload }) => payload.producerIds)).toEqual([["ada.1"], ["bob.1"]]);

  gateway.tell("participant:left", { peerId: "ada", reason: "LEFT" }, { epoch: "e1", seq: 9 });
  await until("the end of the track", () => !tracks.has("ada.1"));
});

test("a producer that cannot be consumed does not keep the others from being received", async () => {
  openRoom(gateway, "proctor", [
    participant("ada", "candidate", [producer("ada.broken"), producer("ada.1")]),
  ]);
  enter();
  await until("the good track", () => tracks.has("ada.1"));
  expect(call.state.phase).toBe("joined");
});

test("an event right behind the snapshot is applied to it, one from before it is not", async () => {
  openRoom(gateway, "proctor", [participant("ada")]);
  const joining = gateway.answerTo("room:join");
  gateway.on("room:join", (request) => {
    const ada = { peerId: "ada", reason: "LEFT" };
    gateway.tell("participant:left", ada, { epoch: "e1", seq: 4 });
    joining(request);
    gateway.tell(
      "participant:joined",
      { participant: participant("bob") },
      { epoch: "e1", seq: 6 },
    );
  });
  enter();
  await until("bob", () => roster.has("bob"));
  expect([...roster.keys()]).toEqual(["ada", "bob"]);
});

test("a connection that is cut is resumed, and media is not touched", async () => {
  const room = openRoom(gateway, "proctor", [
    participant("ada", "candidate", [producer("ada.1")]),
    participant("bob"),
  ]);
  const voice = new FakeMediaStreamTrack({ kind: "audio" }) as unknown as MediaStreamTrack;
  enter([voice]);
  await until("published", () => call.state.phase === "joined" && call.state.published);
  await until("the track", () => tracks.has("ada.1"));
  const first = tracks.get("ada.1");
  const [publication] = call.publications;
  const { producerId } = publication ?? {};

  gateway.cut();
  await until("the loss", () => isJoined("lost"));
  expect(call.state).toMatchObject({ phase: "joined", published: true, connection: "lost" });
  publication?.pause();
  call.pauseTrack("ada.1");
  room.tell("participant:left", { peerId: "bob", reason: "LEFT" });
  await until("the return", () => isJoined("ok"));
  await until("what was asked meanwhile", () => gateway.types.includes("consumer:pause"));

  expect([...roster.keys()]).toEqual(["ada"]);
  expect(gateway.types).toContain("producer:pause");
  expect(tracks.get("ada.1")).toBe(first);
  expect(first?.track.readyState).toBe("live");
  expect(publication).toMatchObject({ state: "live", producerId, paused: true });
  expect(transports.map(({ closed }) => closed)).toEqual([false, false]);
  for (const type of ["room:join", "produce", "consume"]) expect(countOf(type)).toBe(1);
  expect(countOf("transport:create")).toBe(2);
  expect(new Set(states.map(({ phase }) => phase))).toEqual(new Set(["connecting", "joined"]));
});

test("a track that is published while the connection is lost is live afterwards", async () => {
  openRoom(gateway, "candidate", []);
  enter();
  await until("joined", () => isJoined("ok"));
  gateway.cut();
  await until("the loss", () => isJoined("lost"));
  const track = new FakeMediaStreamTrack({ kind: "video" }) as unknown as MediaStreamTrack;
  const publication = call.publish(track, { source: "camera" });
  expect(publication.state).toBe("publishing");
  await until("live", () => publication.state === "live");
  expect(isJoined("ok")).toBe(true);
  expect(countOf("room:join")).toBe(1);
});

test("the room's state in place of missed events ends what is no longer there", async () => {
  const room = openRoom(gateway, "proctor", [
    participant("ada", "candidate", [producer("ada.1")]),
    participant("bob", "candidate", [producer("bob.1")]),
  ]);
  enter();
  await until("both tracks", () => tracks.size === 2);
  const kept = tracks.get("bob.1");
  gateway.cut();
  await until("the loss", () => isJoined("lost"));
  room.tell("participant:left", { peerId: "ada", reason: "LEFT" });
  room.forget();
  room.participants = [participant("bob", "candidate", [producer("bob.1")])];
  room.own = {
    transports: [{ transportId: "t1", direction: "recv" }],
    producers: [],
    consumers: [
      {
        ...{ consumerId: "consumer-of-bob.1", producerId: "bob.1" },
        ...{ transportId: "t1", paused: false },
      },
    ],
  };
  await until("the return", () => isJoined("ok"));
  expect([...tracks.values()]).toEqual([kept]);
  expect(kept?.track.readyState).toBe("live");
  expect(countOf("transport:create")).toBe(1);
});

test("a worker that is another one afterwards gets everything anew in the same session", async () => {
  const room = openRoom(gateway, "proctor", [participant("ada", "candidate", [producer("ada.1")])]);
  const voice = new FakeMediaStreamTrack({ kind: "audio" }) as unknown as MediaStreamTrack;
  enter([voice]);
  await until("published", () => call.state.phase === "joined" && call.state.published);
  await until("the track", () => tracks.has("ada.1"));
  const first = tracks.get("ada.1");
  room.epoch = "e2";
  gateway.cut();
  await until("a new track", () => tracks.has("ada.1") && tracks.get("ada.1") !== first);
  await until("published again", () => call.state.phase === "joined" && call.state.published);

  expect(first?.track.readyState).toBe("ended");
  expect(transports.map(({ closed }) => closed)).toEqual([true, true, false, false]);
  expect(countOf("room:join")).toBe(1);
  expect(countOf("transport:close")).toBe(0);
  expect(new Set(states.map(({ phase }) => phase))).toEqual(new Set(["connecting", "joined"]));
});

test("media that has failed while the connection was lost is made anew in the same session", async () => {
  openRoom(gateway, "proctor", [participant("ada", "candidate", [producer("ada.1")])]);
  enter();
  await until("the track", () => tracks.has("ada.1"));
  setMediaState("recv", "connected");
  const first = tracks.get("ada.1");
  gateway.cut();
  await until("the loss", () => isJoined("lost"));
  setMediaState("recv", "failed");
  expect(call.state).toMatchObject({ phase: "joined", media: { recv: "failed" } });
  await until("a new track", () => tracks.has("ada.1") && tracks.get("ada.1") !== first);

  expect(transports.map(({ closed }) => closed)).toEqual([true, false]);
  const closed = gateway.requests.find(({ envelope }) => envelope.type === "transport:close");
  expect(closed?.payload).toEqual({ transportId: "t1" });
  expect(countOf("room:join")).toBe(1);
});

test("a session that the server has given up is made again from scratch", async () => {
  const room = openRoom(gateway, "proctor", [participant("ada", "candidate", [producer("ada.1")])]);
  enter();
  await until("the track", () => tracks.has("ada.1"));
  const first = tracks.get("ada.1");

  room.token = undefined;
  gateway.cut();
  await until("waiting", () => call.state.phase === "waiting");
  expect(call.state).toMatchObject({ error: { code: "UNAUTHORIZED", reason: "SESSION_ENDED" } });
  expect(tracks.get("ada.1")).toBe(first);
  expect(first?.track.readyState).toBe("live");

  await until("a new track", () => tracks.has("ada.1") && tracks.get("ada.1") !== first);
  expect(first?.track.readyState).toBe("ended");
  expect(countOf("room:join")).toBe(2);
});

test("who is held in the waiting room is told so, and is in the room when let in", async () => {
  openRoom(gateway, "candidate", []);
  const join = gateway.answerTo("room:join");
  let admit = () => {};
  gateway.on("room:join", (request) => {
    admit = () => join(request);
    gateway.tell("room:waiting", { roomId: "room" });
  });
  enter();
  await until("waiting", () => call.state.phase === "waiting-room");
  admit();
  await until("joined", () => isJoined("ok"));
  expect(states.map(({ phase }) => phase)).toEqual(["connecting", "waiting-room", "joined"]);
});

test("a fresh token is shown to the server, and a refused one is not kept", async () => {
  const room = openRoom(gateway, "candidate", []);
  enter();
  await until("joined", () => isJoined("ok"));
  gateway.on("auth:refresh", ({ payload, reply, refuse }) => {
    if (payload.token === "fresh") reply("auth:refreshed", { expiresAt: 1, iceServers: [] });
    else refuse("FORBIDDEN", "ANOTHER_USER");
  });
  await call.renew("fresh");
  await expect(call.renew("another's")).rejects.toMatchObject({ code: "FORBIDDEN" });
  room.token = undefined;
  gateway.cut();
  await until("joined anew", () => countOf("room:join") === 2);
  const tokens = gateway.requests.map(({ payload }) => payload.token).filter(Boolean);
  expect(tokens).toEqual(["token", "fresh", "another's", "fresh"]);
});

test("media that fails leads to a new try", async () => {
  openRoom(gateway, "proctor", [participant("ada", "candidate", [producer("ada.1")])]);
  enter();
  await until("the track", () => tracks.has("ada.1"));
  setMediaState("recv", "connected");
  setMediaState("recv", "disconnected");
  expect(call.state).toMatchObject({ phase: "joined", media: { recv: "interrupted" } });
  setMediaState("recv", "failed");
  expect(call.state).toMatchObject({ phase: "waiting" });
  await until("joined again", () => call.state.phase === "joined");
});

test("a refused token ends the call for good and says why", async () => {
  gateway.on("auth:request", ({ refuse, socket }) => {
    refuse("UNAUTHORIZED", "TOKEN_EXPIRED");
    socket.close(4401);
  });
  enter();
  await until("the end", () => call.state.phase === "ended");
  expect(call.state).toMatchObject({
    phase: "ended",
    words: "Your link has expired. Ask for a new one.",
    left: false,
    error: { code: "UNAUTHORIZED", reason: "TOKEN_EXPIRED" },
  });
  expect(states.map(({ phase }) => phase)).toEqual(["connecting", "ended"]);
});

test("a session that was taken over is not taken back", async () => {
  openRoom(gateway, "proctor", []);
  enter();
  await until("joined", () => call.state.phase === "joined");
  gateway.hangUp(4409);
  await until("the end", () => call.state.phase === "ended");
});

test("a server that announces its end names the time of the next try", async () => {
  openRoom(gateway, "proctor", []);
  enter();
  await until("joined", () => call.state.phase === "joined");
  gateway.tell("session:closing", { reason: "DRAINING", action: "rejoin", afterMs: 60_000 });
  gateway.hangUp(1012);
  await until("waiting", () => call.state.phase === "waiting");
  expect(call.state).toMatchObject({ retryMs: 60_000 });

  call.networkChanged();
  await until("joined again", () => call.state.phase === "joined");
});

test("leaving tells the server, stops every track and stays the end", async () => {
  openRoom(gateway, "proctor", [participant("ada", "candidate", [producer("ada.1")])]);
  enter();
  await until("the track", () => tracks.has("ada.1"));
  const track = tracks.get("ada.1")?.track;
  call.leave();
  expect(call.state).toEqual({ phase: "ended", words: "You have left.", left: true });
  expect(track?.readyState).toBe("ended");
  await until("room:leave", () => gateway.types.includes("room:leave"));
  await until("the socket's end", () => gateway.sockets.size === 0);
  expect(call.state.phase).toBe("ended");
});

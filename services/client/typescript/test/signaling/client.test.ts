import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { type Connection, SignalingClient } from "../../src/signaling/client.js";
import type { Ending } from "../../src/signaling/ending.js";
import { CallError } from "../../src/signaling/error.js";
import type { HeartbeatTimes } from "../../src/signaling/heartbeat.js";
import type { RoomState, SignalingEvent } from "../../src/signaling/message.js";
import { type Received, ScriptedGateway } from "../support/gateway.js";
import { openRoom, type ScriptedRoom } from "../support/room.js";
import { until } from "../support/until.js";

let gateway: ScriptedGateway;
let room: ScriptedRoom;
let states: RoomState[];
let events: SignalingEvent[];
let connections: Connection[];
let waits: number;
let endings: Ending[];
let client: SignalingClient;

function connect(
  answerWithinMs = 15_000,
  heartbeat?: HeartbeatTimes,
  url = gateway.url,
): SignalingClient {
  return new SignalingClient({
    url,
    token: "token",
    roomId: "room",
    displayName: "Me",
    onAuthenticated: () => {},
    onWaiting: () => {
      waits += 1;
    },
    onState: (state) => states.push(state),
    onEvent: (event) => events.push(event),
    onConnection: (connection) => connections.push(connection),
    onEnded: (ending) => endings.push(ending),
    answerWithinMs,
    webSocket: WebSocket as unknown as typeof globalThis.WebSocket,
    ...(heartbeat && { heartbeat }),
  });
}

async function joined(answerWithinMs?: number, heartbeat?: HeartbeatTimes): Promise<void> {
  client = connect(answerWithinMs, heartbeat);
  await until("joined", () => client.isIn);
}

async function failure(promise: Promise<unknown>): Promise<CallError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CallError);
  return error as CallError;
}

const requestsOf = (type: string) =>
  gateway.requests.filter(({ envelope }) => envelope.type === type);

beforeEach(async () => {
  gateway = await ScriptedGateway.listen();
  room = openRoom(gateway, "proctor", []);
  states = [];
  events = [];
  connections = [];
  waits = 0;
  endings = [];
});

afterEach(async () => {
  client.leave();
  await gateway.close();
});

describe("requests", () => {
  test("a request carries type, payload, a timestamp in milliseconds and a correlation id", async () => {
    gateway.on("transport:create", ({ reply }) => reply("transport:created", { transportId: "t" }));
    await joined();
    const before = Date.now();

    await client.request("transport:create", { direction: "send" });

    const [{ envelope }] = requestsOf("transport:create") as [(typeof gateway.requests)[0]];
    expect(Object.keys(envelope).sort()).toEqual(["correlationId", "payload", "timestamp", "type"]);
    expect(envelope.payload).toEqual({ direction: "send" });
    expect(envelope.timestamp).toBeGreaterThanOrEqual(before);
    expect(envelope.correlationId).toMatch(/^[\w-]{16,64}$/);
  });

  test("a request without fields has no payload at all, and no null", async () => {
    await joined();
    await client.request("ping", undefined);
    expect(requestsOf("ping")[0]?.envelope).not.toHaveProperty("payload");
  });

  test("replies find their requests whatever order they come in", async () => {
    const held: (() => void)[] = [];
    gateway.on("producer:pause", ({ reply, payload }) => {
      held.push(() => reply("producer:paused", payload));
      if (held.length === 2) for (const answer of held.reverse()) answer();
    });
    await joined();

    const both = await Promise.all([
      client.request("producer:pause", { producerId: "a" }),
      client.request("producer:pause", { producerId: "b" }),
    ]);

    expect(both).toEqual([{ producerId: "a" }, { producerId: "b" }]);
  });

  test("requests made before the room is entered are sent in their order then", async () => {
    client = connect();
    await Promise.all([
      client.request("producer:pause", { producerId: "a" }),
      client.request("producer:resume", { producerId: "a" }),
    ]);
    const entering = ["auth:request", "room:join"];
    expect(gateway.types).toEqual([...entering, "producer:pause", "producer:resume"]);
  });

  test("a refusal has code, reason, message and when to try again", async () => {
    gateway.on("consume", ({ refuse }) =>
      refuse("UNAVAILABLE", "WORKER_BUSY", { retryAfterMs: 700 }),
    );
    await joined();
    const error = await failure(
      client.request("consume", {
        producerIds: ["p"],
        transportId: "t",
        rtpCapabilities: {},
        paused: true,
      }),
    );
    expect(error).toMatchObject({
      code: "UNAVAILABLE",
      reason: "WORKER_BUSY",
      message: "No.",
      retryAfterMs: 700,
    });
  });

  test("a request without a reply fails at its deadline, and a late reply is passed over", async () => {
    let answerLate = () => {};
    gateway.on("ping", ({ reply }) => {
      answerLate = () => reply("pong", { serverTime: 1 });
    });
    await joined(1000);
    const error = await failure(client.request("ping", undefined));
    expect(error.code).toBe("TIMEOUT");

    answerLate();
    room.tell("producer:closed", { producerId: "p" });
    await until("the event after the late reply", () => events.length === 1);
    expect(endings).toEqual([]);
  });

  test("a reply of another type than the request's is an error", async () => {
    gateway.on("ping", ({ reply }) => reply("produced", { producerId: "p" }));
    await joined();
    expect((await failure(client.request("ping", undefined))).code).toBe("UNEXPECTED_REPLY");
  });

  test("more requests than the server allows at once are spread and none is lost", async () => {
    await joined();
    const ids = Array.from({ length: 160 }, (_, index) => `c${index}`);

    const resumed = Promise.all(
      ids.map((consumerId) => client.request("consumer:resume", { consumerId })),
    );
    await until("the burst", () => requestsOf("consumer:resume").length >= 70);
    expect(gateway.requests.length).toBeLessThan(160);

    expect((await resumed).map(({ consumerId }) => consumerId)).toEqual(ids);
  });
});

describe("events", () => {
  test("events come in the order of the wire with their position", async () => {
    await joined();
    room.tell("producer:paused", { producerId: "p" });
    room.tell("producer:resumed", { producerId: "p" });
    await until("both events", () => events.length === 2);
    expect(events.map(({ type, seq }) => [type, seq])).toEqual([
      ["producer:paused", 6],
      ["producer:resumed", 7],
    ]);
  });

  test("a frame that is no message is passed over", async () => {
    await joined();
    for (const text of ["", "{", "null", "[]", '{"type":7}']) gateway.sendRaw(text);
    room.tell("producer:closed", { producerId: "p" });
    await until("the event", () => events.length === 1);
  });
});

describe("coming back", () => {
  test("a connection that is cut is resumed with the newest token from the last event", async () => {
    await joined();
    room.tell("producer:paused", { producerId: "p" });
    await until("the event", () => events.length === 1);
    for (const token of ["resume-1", "resume-2", "resume-3"]) {
      gateway.cut();
      await until("back", () => room.token !== token && client.isIn);
    }

    const resumed = requestsOf("auth:request").map(({ payload }) => payload);
    expect(resumed.slice(1)).toEqual([
      { resumeToken: "resume-1", epoch: "e1", lastSeq: 6 },
      { resumeToken: "resume-2", epoch: "e1", lastSeq: 6 },
      { resumeToken: "resume-3", epoch: "e1", lastSeq: 6 },
    ]);
    expect(requestsOf("room:join")).toHaveLength(1);
    expect(connections).toEqual(["lost", "ok", "lost", "ok", "lost", "ok"]);
    expect(endings).toEqual([]);
  });

  test("a client that is asked to probe while it comes back says nothing before the answer", async () => {
    await joined();
    const resume = gateway.answerTo("auth:request");
    let late: Received | undefined;
    gateway.on("auth:request", (request) => {
      late = request;
    });
    gateway.cut();
    await until("asked", () => late !== undefined);
    const before = gateway.types.length;
    client.probe();
    // Its own next message shows that nothing came before it.
    resume(late as Received);
    await until("back", () => client.isIn);
    expect(gateway.types.slice(before)).toEqual(["ping"]);
  });

  test("the token that the server renews is the one to resume with", async () => {
    await joined();
    room.token = "younger";
    gateway.tell("session:renewed", { resumeToken: "younger" });
    // Its answer shows that what was told before it has arrived.
    await client.request("ping", undefined);
    gateway.cut();
    await until("back", () => room.token !== "younger" && client.isIn);

    const [, resumed] = requestsOf("auth:request").map(({ payload }) => payload);
    expect(resumed).toMatchObject({ resumeToken: "younger" });
    expect(events).toEqual([]);
    expect(endings).toEqual([]);
  });

  test("what happened meanwhile is told once and in order, and what was told is not", async () => {
    await joined();
    const resume = gateway.answerTo("auth:request");
    gateway.on("auth:request", (request) => {
      resume(request);
      // A repeat, which a server must not send.
      const repeated = { type: "producer:new", payload: {}, timestamp: 0, epoch: "e1", seq: 6 };
      request.socket.send(JSON.stringify(repeated));
    });
    room.tell("producer:paused", { producerId: "a" });
    await until("the event", () => events.length === 1);
    gateway.cut();
    await until("the loss", () => !client.isIn);
    room.tell("producer:resumed", { producerId: "b" });
    room.tell("producer:closed", { producerId: "c" });
    await until("back", () => client.isIn);
    room.tell("producer:paused", { producerId: "d" });
    await until("the last event", () => events.length >= 4);

    expect(events.map(({ seq, payload }) => [seq, payload])).toEqual(
      ["a", "b", "c", "d"].map((producerId, index) => [6 + index, { producerId }]),
    );
    expect(states).toHaveLength(1);
  });

  test("an event that skips another makes the client ask again for what is missing", async () => {
    await joined();
    room.tell("producer:paused", { producerId: "a" });
    gateway.tell("producer:closed", { producerId: "z" }, { epoch: "e1", seq: 9 });
    await until("back", () => room.token === "resume-2" && client.isIn);
    room.tell("producer:resumed", { producerId: "b" });
    await until("the events", () => events.length === 2);
    expect(events.map(({ seq }) => seq)).toEqual([6, 7]);
  });

  test("a request without an answer is sent again unchanged, one with an answer is not", async () => {
    await joined();
    await client.request("producer:pause", { producerId: "a" });
    const answer = gateway.answerTo("producer:resume");
    gateway.on("producer:resume", () => {});
    const resumed = client.request("producer:resume", { producerId: "a" });
    await until("the request", () => requestsOf("producer:resume").length === 1);
    gateway.on("producer:resume", answer);
    gateway.cut();

    expect(await resumed).toEqual({ producerId: "a" });
    const [first, again] = requestsOf("producer:resume").map(({ envelope }) => envelope);
    expect(again).toEqual(first);
    expect(requestsOf("producer:pause")).toHaveLength(1);
  });

  test("nothing but the way back is said before all that was missed has come", async () => {
    await joined();
    gateway.cut();
    await until("the loss", () => !client.isIn);
    const paused = client.request("producer:pause", { producerId: "a" });
    const before = gateway.types.length;
    expect(await paused).toEqual({ producerId: "a" });
    expect(gateway.types.slice(before)).toEqual(["auth:request", "ping", "producer:pause"]);
  });

  test("no correlation id comes twice, but of a request that is sent again", async () => {
    await joined();
    for (let round = 2; round < 5; round += 1) {
      await client.request("producer:pause", { producerId: "a" });
      gateway.cut();
      await until("back", () => room.token === `resume-${round}` && client.isIn);
    }
    const ids = gateway.requests.map(({ envelope }) => envelope.correlationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("a server that does not answer a ping is taken for gone, and found again", async () => {
    await joined(15_000, { everyMs: 30, answerWithinMs: 50 });
    const answer = gateway.answerTo("ping");
    gateway.on("ping", () => {});
    await until("the loss", () => connections.includes("lost"));
    gateway.on("ping", answer);
    await until("back", () => client.isIn);
    expect(connections).toEqual(["lost", "ok"]);
  });

  test("a server that is there without its worker is in trouble, and then is not", async () => {
    await joined(15_000, { everyMs: 30, answerWithinMs: 10_000 });
    room.workerAgeMs = 4000;
    await until("the trouble", () => connections.length === 1);
    room.workerAgeMs = 100;
    await until("its end", () => connections.length === 2);
    expect(connections).toEqual(["troubled", "ok"]);
    expect(requestsOf("auth:request")).toHaveLength(1);
  });

  test("a worker that cannot be reached is waited for with the same token", async () => {
    await joined();
    const resume = gateway.answerTo("auth:request");
    let refused = 0;
    gateway.on("auth:request", ({ refuse, socket }) => {
      refused += 1;
      if (refused === 2) gateway.on("auth:request", resume);
      refuse("UNAVAILABLE", "WORKER_UNREACHABLE", { retryAfterMs: 10 });
      socket.close(1013);
    });
    gateway.tell("session:closing", { reason: "WORKER_LOST", action: "resume", afterMs: 10 });
    gateway.hangUp(1012);
    await until("back", () => room.token === "resume-2" && client.isIn);
    expect(connections).toEqual(["troubled", "ok"]);
    expect(requestsOf("auth:request")).toHaveLength(4);
  });

  test("a network that is said to be back is tried at once", async () => {
    await joined();
    gateway.tell("session:closing", { reason: "DRAINING", action: "resume", afterMs: 60_000 });
    gateway.hangUp(1012);
    await until("the loss", () => !client.isIn);
    client.probe();
    await until("back", () => client.isIn);
  });

  test("the state comes in place of events that the server no longer has", async () => {
    await joined();
    gateway.cut();
    await until("the loss", () => !client.isIn);
    room.tell("producer:paused", { producerId: "a" });
    room.forget();
    const paused = client.request("producer:pause", { producerId: "b" });
    expect(await paused).toEqual({ producerId: "b" });
    expect(states.map(({ seq }) => seq)).toEqual([5, 6]);
    room.tell("producer:resumed", { producerId: "a" });
    await until("the next event", () => events.length === 1);
    expect(events[0]?.seq).toBe(7);
  });

  test("what was asked of a worker that is gone fails, and is not asked of the next", async () => {
    await joined();
    gateway.on("producer:pause", () => {});
    const paused = failure(client.request("producer:pause", { producerId: "a" }));
    await until("the request", () => requestsOf("producer:pause").length === 1);
    room.epoch = "e2";
    gateway.cut();
    expect((await paused).code).toBe("CLOSED");
    await until("back", () => client.isIn);
    expect(states.map(({ epoch }) => epoch)).toEqual(["e1", "e2"]);
    expect(requestsOf("producer:pause")).toHaveLength(1);
  });
});

describe("the waiting room", () => {
  test("a join has no deadline once the server says that it waits", async () => {
    const join = gateway.answerTo("room:join");
    let admit = () => {};
    gateway.on("room:join", (request) => {
      admit = () => join(request);
      gateway.tell("room:waiting", { roomId: "room" });
    });
    client = connect(300, { everyMs: 100, answerWithinMs: 5000 });
    await until("several pings", () => requestsOf("ping").length > 5);
    expect(waits).toBe(1);
    expect(endings).toEqual([]);
    admit();
    await until("joined", () => client.isIn);
  });

  test("who is not let in is told so in the moderator's words", async () => {
    gateway.on("room:join", ({ refuse, socket }) => {
      gateway.tell("room:waiting", { roomId: "room" });
      refuse("FORBIDDEN", "REJECTED");
      gateway.tell("session:closing", {
        ...{ reason: "REJECTED", action: "stop", afterMs: 0 },
        message: "Come at ten.",
      });
      socket.close(4403);
    });
    client = connect();
    await until("the end", () => endings.length === 1);
    expect(endings[0]).toMatchObject({
      retry: false,
      words: "A proctor did not let you in.",
      said: "Come at ten.",
    });
  });
});

describe("the end", () => {
  test.each([
    [4409, "This session was taken over by another window."],
    [4403, "This link does not allow that."],
  ])("close code %i is one, in words, and open requests fail", async (code, words) => {
    await joined();
    gateway.on("producer:pause", () => {});
    const request = failure(client.request("producer:pause", { producerId: "a" }));
    await until("the request", () => requestsOf("producer:pause").length === 1);
    gateway.hangUp(code);
    expect((await request).code).toBe("CLOSED");
    expect(endings).toMatchObject([{ words, retry: false }]);
    expect(client.isOver).toBe(true);
  });

  test("a session that the server no longer has may be joined anew", async () => {
    await joined();
    room.token = undefined;
    gateway.cut();
    await until("the end", () => endings.length === 1);
    expect(endings[0]).toMatchObject({ retry: true, error: { reason: "SESSION_ENDED" } });
  });

  test("a session that another connection has is not taken back", async () => {
    await joined();
    room.token = "another's";
    gateway.cut();
    await until("the end", () => endings.length === 1);
    expect(endings[0]).toMatchObject({ retry: false, error: { reason: "RESUME_TOKEN_USED" } });
  });

  test("a request after the end fails at once", async () => {
    await joined();
    client.leave();
    expect((await failure(client.request("ping", undefined))).code).toBe("CLOSED");
    expect(endings).toEqual([]);
  });

  test("a server that cannot be reached at first ends the client once", async () => {
    const { url } = gateway;
    await gateway.close();
    client = connect(15_000, undefined, url);
    await until("the end", () => endings.length === 1);
    expect(endings[0]).toMatchObject({ retry: true, error: { reason: "CLOSE_1006" } });
    gateway = await ScriptedGateway.listen();
  });

  test("leaving says so to the server before the socket closes, and ends the coming back", async () => {
    await joined();
    client.leave();
    await until("room:leave", () => gateway.types.includes("room:leave"));
    await until("the socket's end", () => gateway.sockets.size === 0);
    expect(requestsOf("auth:request")).toHaveLength(1);
  });
});

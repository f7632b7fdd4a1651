import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { SignalingClient } from "../../src/signaling/client.js";
import type { Closing } from "../../src/signaling/closing.js";
import { CallError } from "../../src/signaling/error.js";
import type { SignalingEvent } from "../../src/signaling/message.js";
import { ScriptedGateway } from "../support/gateway.js";
import { until } from "../support/until.js";

let gateway: ScriptedGateway;
let events: SignalingEvent[];
let closings: Closing[];
let client: SignalingClient;

function connect(timeoutMs = 15_000): SignalingClient {
  return new SignalingClient({
    url: gateway.url,
    onEvent: (event) => events.push(event),
    onClosed: (closing) => closings.push(closing),
    timeoutMs,
    webSocket: WebSocket as unknown as typeof globalThis.WebSocket,
  });
}

async function failure(promise: Promise<unknown>): Promise<CallError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CallError);
  return error as CallError;
}

beforeEach(async () => {
  gateway = await ScriptedGateway.listen();
  events = [];
  closings = [];
});

afterEach(async () => {
  client.close();
  await gateway.close();
});

describe("requests", () => {
  test("a request carries type, payload, a timestamp in milliseconds and a correlation id", async () => {
    gateway.on("transport:create", ({ reply }) => reply("transport:created", { transportId: "t" }));
    client = connect();
    const before = Date.now();

    await client.request("transport:create", { direction: "send" });

    const [{ envelope }] = gateway.requests as [(typeof gateway.requests)[0]];
    expect(Object.keys(envelope).sort()).toEqual(["correlationId", "payload", "timestamp", "type"]);
    expect(envelope.payload).toEqual({ direction: "send" });
    expect(envelope.timestamp).toBeGreaterThanOrEqual(before);
    expect(envelope.correlationId).toMatch(/^[\w-]{16,64}$/);
  });

  test("a request without fields has no payload at all, and no null", async () => {
    gateway.on("ping", ({ reply }) => reply("pong", { serverTime: 1 }));
    client = connect();
    await client.request("ping", undefined);
    expect(gateway.requests[0]?.envelope).not.toHaveProperty("payload");
  });

  test("replies find their requests whatever order they come in", async () => {
    const held: (() => void)[] = [];
    gateway.on("producer:pause", ({ reply, payload }) => {
      held.push(() => reply("producer:paused", payload));
      if (held.length === 2) for (const answer of held.reverse()) answer();
    });
    client = connect();

    const both = await Promise.all([
      client.request("producer:pause", { producerId: "a" }),
      client.request("producer:pause", { producerId: "b" }),
    ]);

    expect(both).toEqual([{ producerId: "a" }, { producerId: "b" }]);
  });

  test("requests made before the socket is open are sent in their order", async () => {
    gateway.on("producer:pause", ({ reply, payload }) => reply("producer:paused", payload));
    gateway.on("producer:resume", ({ reply, payload }) => reply("producer:resumed", payload));
    client = connect();
    await Promise.all([
      client.request("producer:pause", { producerId: "a" }),
      client.request("producer:resume", { producerId: "a" }),
    ]);
    expect(gateway.types).toEqual(["producer:pause", "producer:resume"]);
  });

  test("a refusal has code, reason, message and when to try again", async () => {
    gateway.on("consume", ({ refuse }) =>
      refuse("UNAVAILABLE", "WORKER_BUSY", { retryAfterMs: 700 }),
    );
    client = connect();
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
    client = connect(1000);
    const error = await failure(client.request("ping", undefined));
    expect(error.code).toBe("TIMEOUT");

    answerLate();
    gateway.tell("producer:closed", { producerId: "p" });
    await until("the event after the late reply", () => events.length === 1);
    expect(closings).toEqual([]);
  });

  test("a reply of another type than the request's is an error", async () => {
    gateway.on("ping", ({ reply }) => reply("produced", { producerId: "p" }));
    client = connect();
    expect((await failure(client.request("ping", undefined))).code).toBe("UNEXPECTED_REPLY");
  });

  test("more requests than the server allows at once are spread and none is lost", async () => {
    gateway.on("consumer:resume", ({ reply, payload }) => reply("consumer:resumed", payload));
    client = connect();
    await client.opened;
    const ids = Array.from({ length: 160 }, (_, index) => `c${index}`);

    const resumed = Promise.all(
      ids.map((consumerId) => client.request("consumer:resume", { consumerId })),
    );
    await until("the burst", () => gateway.requests.length >= 80);
    expect(gateway.requests.length).toBeLessThan(160);

    expect((await resumed).map(({ consumerId }) => consumerId)).toEqual(ids);
  });
});

describe("events", () => {
  test("events come in the order of the wire with their position", async () => {
    client = connect();
    await client.opened;
    gateway.tell("producer:paused", { producerId: "p" }, { epoch: "e", seq: 1 });
    gateway.tell("producer:resumed", { producerId: "p" }, { epoch: "e", seq: 2 });
    await until("both events", () => events.length === 2);
    expect(events.map(({ type, seq }) => [type, seq])).toEqual([
      ["producer:paused", 1],
      ["producer:resumed", 2],
    ]);
  });

  test("a frame that is no message is passed over", async () => {
    client = connect();
    await client.opened;
    for (const text of ["", "{", "null", "[]", '{"type":7}']) gateway.sendRaw(text);
    gateway.tell("producer:closed", { producerId: "p" });
    await until("the event", () => events.length === 1);
  });
});

describe("the end", () => {
  test("a close code becomes words, and open requests fail", async () => {
    client = connect();
    await client.opened;
    const request = failure(client.request("ping", undefined));
    await until("the request", () => gateway.requests.length === 1);
    gateway.hangUp(4409);
    expect((await request).code).toBe("CLOSED");
    expect(closings).toEqual([
      { code: 4409, words: "This session was taken over by another window.", retry: false },
    ]);
  });

  test("a connection that is cut may be tried again", async () => {
    client = connect();
    await client.opened;
    gateway.cut();
    await until("the end", () => closings.length === 1);
    expect(closings[0]).toMatchObject({ code: 1006, retry: true });
  });

  test("a request after the end fails at once", async () => {
    client = connect();
    await client.opened;
    client.close();
    expect((await failure(client.request("ping", undefined))).code).toBe("CLOSED");
  });

  test("a server that cannot be reached ends the client once", async () => {
    const { url } = gateway;
    await gateway.close();
    client = new SignalingClient({
      url,
      onEvent: () => {},
      onClosed: (closing) => closings.push(closing),
      webSocket: WebSocket as unknown as typeof globalThis.WebSocket,
    });
    expect((await failure(client.opened)).code).toBe("CLOSED");
    expect(closings).toHaveLength(1);
    gateway = await ScriptedGateway.listen();
  });

  test("leaving says so to the server before the socket closes", async () => {
    client = connect();
    await client.opened;
    client.leave();
    await until("room:leave", () => gateway.types.includes("room:leave"));
    await until("the socket's end", () => gateway.sockets.size === 0);
    expect(closings).toMatchObject([{ code: 1000 }]);
  });
});

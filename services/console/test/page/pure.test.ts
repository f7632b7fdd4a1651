import type { CallState, Participant } from "@invigil/client";
import { describe, expect, test } from "vitest";
import { meterOf, receivedLevel } from "../../src/page/level";
import { readInvitation, signalingUrl } from "../../src/page/link";
import {
  candidateStatement,
  captureFailure,
  initials,
  proctorPresence,
  tileStatement,
} from "../../src/page/words";

function token(claims: object): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${encode({ alg: "HS256" })}.${encode(claims)}.c2lnbmF0dXJl`;
}

describe("links", () => {
  test("room and name come from the token where the link does not say", () => {
    const jwt = token({ sub: "u1", room: "maths", name: "Zoë Öztürk 数学" });
    expect(readInvitation(`#token=${jwt}`)).toEqual({
      token: jwt,
      roomId: "maths",
      displayName: "Zoë Öztürk 数学",
    });
  });

  test("what the link says goes before the token's claims", () => {
    const jwt = token({ sub: "u1", room: "*", name: "Ada" });
    expect(readInvitation(`#token=${jwt}&room=hall%201`)?.roomId).toBe("hall 1");
  });

  test("a user without a name goes by the user id", () => {
    expect(readInvitation(`#token=${token({ sub: "u1", room: "r" })}`)?.displayName).toBe("u1");
  });

  test.each([
    ["", "nothing"],
    ["#room=r", "no token"],
    [`#token=${token({ sub: "u", room: "*" })}`, "a token for any room and no room"],
    ["#token=not-a-token", "a token that cannot be read and no room"],
  ])("%s is not a complete link: %s", (fragment) => {
    expect(readInvitation(fragment)).toBeUndefined();
  });

  test("a token that cannot be read is still given to the server, which decides", () => {
    expect(readInvitation("#token=a.b.c&room=r")).toMatchObject({ token: "a.b.c", roomId: "r" });
  });

  test("a page with TLS has a socket with TLS", () => {
    expect(signalingUrl({ protocol: "https:", host: "x" })).toBe("wss://x/ws");
    expect(signalingUrl({ protocol: "http:", host: "x:8080" })).toBe("ws://x:8080/ws");
  });
});

describe("what a candidate is told", () => {
  const joined: CallState = {
    phase: "joined",
    self: { peerId: "p", userId: "u", role: "candidate" },
    published: true,
    media: { send: "connected" },
  };

  test("live is said only when the server has both tracks and packets get through", () => {
    expect(candidateStatement(joined)).toEqual({
      tone: "good",
      words: "You are live. A proctor can see and hear you.",
    });
    expect(candidateStatement({ ...joined, published: false }).words).toBe("Connecting…");
    expect(candidateStatement({ ...joined, media: {} }).words).toBe("Connecting…");
    expect(candidateStatement({ ...joined, media: { send: "interrupted" } }).words).toMatch(
      /^Connection lost/,
    );
  });

  test("a lost connection is named together with what is done about it", () => {
    const state: CallState = { phase: "waiting", words: "Connection lost.", retryMs: 500 };
    expect(candidateStatement(state).words).toBe("Connection lost. Trying again…");
  });

  test("a refused camera says what to do", () => {
    expect(captureFailure("NotAllowedError")).toMatch(/^Camera refused: allow/);
    expect(captureFailure("NotFoundError")).toMatch(/^No camera/);
    expect(captureFailure("TypeError")).toMatch(/Try again/);
  });

  test("proctors are counted in words", () => {
    expect(proctorPresence(1)).toBe("1 proctor is here.");
    expect(proctorPresence(2)).toBe("2 proctors are here.");
  });
});

describe("what a tile says", () => {
  const video = { producerId: "p.1", kind: "video", paused: false, appData: {} } as const;
  const audio = { producerId: "p.2", kind: "audio", paused: false, appData: {} } as const;
  const ada: Participant = {
    peerId: "p",
    userId: "u",
    displayName: "Ada",
    role: "candidate",
    connection: "ok",
    appData: {},
    producers: [video, audio],
  };

  test("live is said only while frames arrive", () => {
    expect(tileStatement(ada, "playing")).toMatchObject({ connection: "ok", words: "Live" });
    expect(tileStatement(ada, "none").words).toBe("Waiting for picture");
    expect(tileStatement(ada, "stalled").words).toBe("Picture has stopped");
    expect(tileStatement({ ...ada, producers: [] }, "none").words).toBe("Waiting for camera");
  });

  test("a lost connection outweighs everything else", () => {
    const lost: Participant = {
      ...ada,
      connection: "lost",
      producers: [{ ...video, paused: true }],
    };
    expect(tileStatement(lost, "playing")).toMatchObject({
      connection: "lost",
      words: "Connection lost",
      microphone: "none",
    });
  });

  test("a paused camera and a muted microphone are told apart", () => {
    const paused = { ...ada, producers: [{ ...video, paused: true }, audio] };
    expect(tileStatement(paused, "playing")).toMatchObject({
      connection: "paused",
      microphone: "on",
    });
    const muted = { ...ada, producers: [video, { ...audio, paused: true }] };
    expect(tileStatement(muted, "playing")).toMatchObject({
      connection: "ok",
      microphone: "muted",
    });
  });

  test("initials are those of the first and the last name", () => {
    expect(initials("Ada King Lovelace")).toBe("AL");
    expect(initials("  émile ")).toBe("É");
    expect(initials("")).toBe("");
  });
});

describe("meters", () => {
  test("levels are shown in decibels from -60", () => {
    expect(meterOf(0)).toBe(0);
    expect(meterOf(1)).toBe(1);
    expect(meterOf(0.001)).toBeCloseTo(0);
    expect(meterOf(0.0316)).toBeCloseTo(0.5, 2);
    expect(meterOf(Number.NaN)).toBe(0);
  });

  test("a receiver without packets is silent", () => {
    expect(receivedLevel(undefined)).toBe(0);
  });
});

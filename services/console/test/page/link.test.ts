import { describe, expect, test } from "vitest";
import { readInvitation, signalingUrl } from "../../src/page/link";

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

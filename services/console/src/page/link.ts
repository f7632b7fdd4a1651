/** What a link says. `/candidate#token=<jwt>&room=<roomId>`: the part after # stays in the browser. */
export interface Invitation {
  token: string;
  roomId: string;
  displayName: string;
}

/**
 * Reads a link's fragment. Room and name default to the token's claims, which are read without being
 * verified: the server does that. Undefined where the link is not complete.
 */
export function readInvitation(fragment: string): Invitation | undefined {
  const fields = new URLSearchParams(fragment.replace(/^#/, ""));
  const token = fields.get("token");
  if (!token) return undefined;
  const claims = claimsOf(token);
  // The room "*" means any room: the link has to name one.
  const roomId = fields.get("room") ?? text(claims.room);
  if (!roomId || roomId === "*") return undefined;
  const displayName = fields.get("name") ?? text(claims.name) ?? text(claims.sub) ?? "Unnamed";
  return { token, roomId, displayName };
}

interface Claims {
  room?: unknown;
  name?: unknown;
  sub?: unknown;
}

function claimsOf(token: string): Claims {
  try {
    const payload = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof claims === "object" && claims !== null ? claims : {};
  } catch {
    return {};
  }
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Address of the gateway's socket on the host that served the page. */
export function signalingUrl(location: Pick<Location, "protocol" | "host">): string {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;
}

/** What the end of a socket means, in words, and what can be done about it. */

import type { Events } from "./message.js";

/**
 * - `resume`: the session goes on at another connection.
 * - `rejoin`: the session is over; joining anew helps.
 * - `stop`: nothing helps.
 */
export type Remedy = "resume" | "rejoin" | "stop";

export interface Closing {
  /** UPPER_SNAKE. */
  reason: string;
  /** A sentence for the person in front of the page. */
  words: string;
  /** A moderator's own words. */
  said?: string;
  remedy: Remedy;
  /** Milliseconds to wait at least, where the server named them. */
  afterMs?: number;
  /** The server is there, but not the part of it that carries sound and picture. */
  isTrouble?: boolean;
}

const REFUSED = "The server refused this connection. Ask for a new link.";
const TOO_LARGE = "The server refused a message that is too large.";
const TAKEN_OVER = "This session was taken over by another window.";

const MEANINGS: Readonly<Record<number, { words: string; remedy: Remedy }>> = {
  1000: { words: "The session has ended.", remedy: "stop" },
  1001: { words: "The server is going away.", remedy: "resume" },
  1006: { words: "Connection lost.", remedy: "resume" },
  1009: { words: TOO_LARGE, remedy: "stop" },
  1011: { words: "The server had an error.", remedy: "resume" },
  1012: { words: "The server is restarting.", remedy: "resume" },
  1013: { words: "The server is busy.", remedy: "resume" },
  4400: { words: "This page and the server do not understand each other.", remedy: "stop" },
  4401: { words: REFUSED, remedy: "stop" },
  4403: { words: "This link does not allow that.", remedy: "stop" },
  4408: { words: "The server did not hear from this page for too long.", remedy: "resume" },
  4409: { words: TAKEN_OVER, remedy: "stop" },
  4413: { words: TOO_LARGE, remedy: "stop" },
  4429: { words: "This page sent too many messages.", remedy: "resume" },
};

const UNAUTHENTICATED = 4401;

/**
 * Meaning of a close code; one that is not known counts as a lost connection. `hasSession`: the
 * session was in the room, so that it is the session and not the token that is no longer good.
 */
export function closingOf(code: number, hasSession: boolean): Closing {
  const meaning = MEANINGS[code] ?? { words: "Connection lost.", remedy: "resume" };
  const isOver = code === UNAUTHENTICATED && hasSession;
  return { reason: `CLOSE_${code}`, ...meaning, ...(isOver && { remedy: "rejoin" }) };
}

const WORDS_OF_STOP: Readonly<Record<string, string>> = {
  KICKED: "A proctor has removed you from the room.",
  REJECTED: "A proctor did not let you in.",
  WAITED_TOO_LONG: "Nobody has let you in.",
  REPLACED: TAKEN_OVER,
};

/** Meaning of what the server says before it closes. */
export function announced(closing: Events["session:closing"]): Closing {
  const { action, reason, message, afterMs } = closing;
  if (action !== "stop") {
    const isTrouble = reason === "WORKER_LOST";
    return { reason, words: "The server is restarting.", remedy: action, afterMs, isTrouble };
  }
  const words = WORDS_OF_STOP[reason] ?? "The session has ended.";
  return { reason, words, ...(message && { said: message }), remedy: "stop" };
}

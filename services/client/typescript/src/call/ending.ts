import { SignalingError } from "../signaling/error.js";

/** Why a session is over. */
export interface Ending {
  /** A sentence for the person in front of the page. */
  words: string;
  /** Whether joining again can help. */
  retry: boolean;
  /** Milliseconds to wait at least, where the server named them. */
  afterMs?: number;
}

const BY_CODE: Readonly<Record<string, Ending>> = {
  UNAUTHORIZED: { words: "Your link is not valid. Ask for a new one.", retry: false },
  FORBIDDEN: { words: "Your link does not allow this.", retry: false },
  INVALID_MESSAGE: {
    words: "This page and the server do not understand each other. Reload the page.",
    retry: false,
  },
  ROOM_NOT_FOUND: { words: "The room is not open yet.", retry: true },
  ROOM_FULL: { words: "The room is full.", retry: true },
  RATE_LIMITED: { words: "The server is busy.", retry: true },
  UNAVAILABLE: { words: "The server is busy.", retry: true },
  TRANSPORT_ERROR: { words: "Sound and picture could not be connected.", retry: true },
  PRODUCE_ERROR: { words: "The server did not take your camera or microphone.", retry: true },
  CONSUME_ERROR: { words: "Sound and picture could not be received.", retry: true },
  TIMEOUT: { words: "The server does not answer.", retry: true },
  CLOSED: { words: "Connection lost.", retry: true },
};

const EXPIRED: Ending = { words: "Your link has expired. Ask for a new one.", retry: false };
const UNSUPPORTED: Ending = {
  words: "This browser cannot make calls. Use a current Chrome, Edge, Firefox or Safari.",
  retry: false,
};
const UNKNOWN: Ending = { words: "Something went wrong.", retry: true };

/** The ending that an error means while a session starts. */
export function endingOf(error: unknown): Ending {
  if (error instanceof SignalingError) {
    if (error.code === "UNAUTHORIZED" && error.reason.includes("EXPIRED")) return EXPIRED;
    const ending = BY_CODE[error.code] ?? UNKNOWN;
    return error.retryAfterMs === undefined ? ending : { ...ending, afterMs: error.retryAfterMs };
  }
  // mediasoup-client's names for a browser that it does not know or that lacks a codec.
  if (error instanceof Error && error.name === "UnsupportedError") return UNSUPPORTED;
  return UNKNOWN;
}

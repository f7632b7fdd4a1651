import type { Closing, Remedy } from "./closing.js";
import { CallError, type ErrorCode } from "./error.js";

/** Why a session is over. */
export interface Ending {
  /** A sentence for the person in front of the page. */
  words: string;
  /** A moderator's own words. */
  said?: string;
  /** Whether joining again can help. */
  retry: boolean;
  /** The same for a program. */
  error: CallError;
  /** Milliseconds to wait at least, where the server named them. */
  afterMs?: number;
}

const FINAL: ReadonlySet<ErrorCode> = new Set([
  "UNAUTHORIZED",
  "FORBIDDEN",
  "INVALID_MESSAGE",
  "UNSUPPORTED",
]);

/** The ending that an error means for the session that it happened to. */
export function endingOf(thrown: unknown): Ending {
  const error = CallError.from(thrown);
  const ending: Ending = { words: error.words, retry: !FINAL.has(error.code), error };
  return error.retryAfterMs === undefined ? ending : { ...ending, afterMs: error.retryAfterMs };
}

/** The ending that the server, or a socket's close code, gave a reason for. */
export function closedEnding({ reason, words, said, remedy, afterMs }: Closing): Ending {
  return {
    words,
    ...(said !== undefined && { said }),
    retry: remedy !== "stop",
    error: new CallError("CLOSED", reason, words, afterMs),
    ...(afterMs !== undefined && { afterMs }),
  };
}

/** What helps one who wanted to resume and was refused. */
export function remedyOf({ code, reason }: CallError): Remedy {
  // Another connection has the session.
  if (reason === "RESUME_TOKEN_USED") return "stop";
  if (code === "UNAUTHORIZED") return "rejoin";
  return FINAL.has(code) ? "stop" : "resume";
}

const CONNECTION: ReadonlySet<ErrorCode> = new Set([
  "TRANSPORT_ERROR",
  "RATE_LIMITED",
  "TIMEOUT",
  "CLOSED",
]);

/** Whether an error concerns everything between this side and the server, and not one stream. */
export function isOfConnection(error: CallError): boolean {
  return CONNECTION.has(error.code) || error.retryAfterMs !== undefined;
}

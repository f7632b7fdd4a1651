import { CallError, type ErrorCode } from "../signaling/error.js";

/** Why a session is over. */
export interface Ending {
  /** A sentence for the person in front of the page. */
  words: string;
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
export function closedEnding(
  { words, retry, afterMs }: Omit<Ending, "error">,
  reason: string,
): Ending {
  const error = new CallError("CLOSED", reason, words, afterMs);
  return { words, retry, error, ...(afterMs !== undefined && { afterMs }) };
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

import type { ErrorPayload } from "./message.js";

/** Codes of the server, and three that only this side can give. */
export type ErrorCode =
  | "INVALID_MESSAGE"
  | "UNAUTHORIZED"
  | "FORBIDDEN"
  | "ROOM_NOT_FOUND"
  | "ROOM_FULL"
  | "TRANSPORT_ERROR"
  | "PRODUCE_ERROR"
  | "CONSUME_ERROR"
  | "NOT_FOUND"
  | "RATE_LIMITED"
  | "UNAVAILABLE"
  | "INTERNAL"
  // No reply within the request's deadline.
  | "TIMEOUT"
  // The socket ended before the reply.
  | "CLOSED"
  // The reply was of another type than the request's.
  | "UNEXPECTED_REPLY";

/** Why a request was not carried out. `reason` is UPPER_SNAKE and finer than `code`. */
export class SignalingError extends Error {
  override readonly name = "SignalingError";

  constructor(
    readonly code: ErrorCode,
    readonly reason: string,
    message: string,
    /** Milliseconds after which another try makes sense, where the server named them. */
    readonly retryAfterMs?: number,
  ) {
    super(message);
  }

  static fromPayload(payload: ErrorPayload): SignalingError {
    const reason = payload.details?.reason;
    const retryAfter = Number(payload.details?.retryAfterMs);
    return new SignalingError(
      payload.code as ErrorCode,
      typeof reason === "string" ? reason : "",
      payload.message,
      Number.isFinite(retryAfter) ? retryAfter : undefined,
    );
  }
}

import type { ErrorPayload } from "./message.js";

/** Codes of the server, and those that only this side can give. */
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
  | "UNEXPECTED_REPLY"
  // A track that cannot be published: ended, of the wrong kind, or for a publication that is over.
  | "TRACK"
  // The browser has no WebRTC, or no codec in common with the room.
  | "UNSUPPORTED"
  // The browser refused for another reason, which is in `message`.
  | "BROWSER";

// Of reasons that are finer than their code, and that a person can act upon.
const WORDS_OF_REASON: Readonly<Record<string, string>> = {
  WRONG_ROOM: "Your link is for another room. Open it as you were given it.",
  ROLE_NOT_GRANTED: "Your link is for another role.",
  NOT_BUILT: "The server cannot do this.",
  MEDIA_FAILED: "Sound and picture cannot get through. A firewall may block them.",
  BANNED: "A proctor has removed you from this room.",
  ROOM_LOCKED: "The room is locked. Ask a proctor to let you in.",
  REJECTED: "A proctor did not let you in.",
  WAITED_TOO_LONG: "Nobody has let you in.",
  MUTED_BY_MODERATOR: "A proctor has muted you.",
  RESUME_TOKEN_USED: "This session was taken over by another window.",
};

const WORDS: Readonly<Record<string, string>> = {
  INVALID_MESSAGE: "This page and the server do not understand each other. Reload the page.",
  UNAUTHORIZED: "Your link is not valid. Ask for a new one.",
  FORBIDDEN: "Your link does not allow this.",
  ROOM_NOT_FOUND: "The room is not open yet.",
  ROOM_FULL: "The room is full.",
  TRANSPORT_ERROR: "Sound and picture could not be connected.",
  PRODUCE_ERROR: "The server did not take your camera, microphone or screen.",
  CONSUME_ERROR: "Sound and picture could not be received.",
  RATE_LIMITED: "The server is busy.",
  UNAVAILABLE: "The server is busy.",
  TIMEOUT: "The server does not answer.",
  CLOSED: "Connection lost.",
  TRACK: "The camera, microphone or screen has stopped.",
  UNSUPPORTED: "This browser cannot make calls. Use a current Chrome, Edge, Firefox or Safari.",
  BROWSER: "The browser could not do this. Reload the page.",
};

/**
 * Why something was not done. The only error that promises and calls of this package fail with.
 *
 * `code` is to be acted upon, `reason` (UPPER_SNAKE, finer than `code`, may be empty) to be told
 * apart, `message` to be logged, `words` to be shown.
 */
export class CallError extends Error {
  override readonly name = "CallError";

  constructor(
    readonly code: ErrorCode,
    readonly reason: string,
    message: string,
    /** Milliseconds after which another try makes sense, where the server named them. */
    readonly retryAfterMs?: number,
  ) {
    super(message);
  }

  /** A sentence for the person in front of the page. */
  get words(): string {
    if (this.code === "UNAUTHORIZED" && this.reason.includes("EXPIRED")) {
      return "Your link has expired. Ask for a new one.";
    }
    return WORDS_OF_REASON[this.reason] ?? WORDS[this.code] ?? "Something went wrong.";
  }

  static fromPayload(payload: ErrorPayload): CallError {
    const reason = payload.details?.reason;
    const retryAfter = Number(payload.details?.retryAfterMs ?? Number.NaN);
    return new CallError(
      payload.code as ErrorCode,
      typeof reason === "string" ? reason : "",
      payload.message,
      Number.isFinite(retryAfter) ? retryAfter : undefined,
    );
  }

  /** Whatever was thrown, as a CallError. */
  static from(error: unknown): CallError {
    if (error instanceof CallError) return error;
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    // mediasoup-client's name for a browser that it does not know or that lacks a codec.
    return name === "UnsupportedError"
      ? new CallError("UNSUPPORTED", "NO_WEBRTC", message)
      : new CallError("BROWSER", "", message);
  }
}

import { CallError } from "./error.js";
import type { AuthResponse, Envelope } from "./message.js";
import type { Position } from "./position.js";
import { envelopeOf, payloadOf } from "./request.js";

/** What a connection comes in with: a token for a first join, or the means to go on. */
export type Credentials =
  | { token: string; roomId: string; displayName: string }
  | { resumeToken: string; position: Position };

export interface EntranceEvents {
  send: (envelope: Envelope) => void;
  onAuthenticated: (response: AuthResponse) => void;
  /** In: everything that was missed has been told. */
  onEntered: () => void;
  onRefused: (error: CallError) => void;
  /** No answer in time. */
  onSilent: () => void;
}

/**
 * Brings one connection into the room: `auth:request`, then `room:join`. To resume it needs no join,
 * but a `ping`: what was missed comes before the pong, and with it whether the session's open
 * requests still have a meaning.
 */
export class Entrance {
  readonly #credentials: Credentials;
  readonly #events: EntranceEvents;
  readonly #answerWithinMs: number;
  #expected: { id: string | undefined; type: string } | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(credentials: Credentials, events: EntranceEvents, answerWithinMs: number) {
    this.#credentials = credentials;
    this.#events = events;
    this.#answerWithinMs = answerWithinMs;
  }

  begin(): void {
    const credentials = this.#credentials;
    if ("token" in credentials) {
      const { token, roomId } = credentials;
      this.#ask("auth:request", "auth:response", { token, roomId });
    } else {
      const { resumeToken, position } = credentials;
      const { epoch, seq } = position;
      this.#ask("auth:request", "auth:response", { resumeToken, epoch, lastSeq: seq });
    }
  }

  /** In the waiting room a join has no deadline. */
  wait(): void {
    clearTimeout(this.#timer);
  }

  stop(): void {
    this.#expected = undefined;
    clearTimeout(this.#timer);
  }

  /** Whether a message was an answer of the entrance's. */
  take(envelope: Envelope): boolean {
    const expected = this.#expected;
    if (!expected || envelope.correlationId !== expected.id) return false;
    this.stop();
    try {
      this.#answered(expected.type, payloadOf(envelope, expected.type));
    } catch (error) {
      this.#events.onRefused(CallError.from(error));
    }
    return true;
  }

  #answered(type: string, payload: unknown): void {
    if (type !== "auth:response") {
      this.#events.onEntered();
      return;
    }
    this.#events.onAuthenticated(payload as AuthResponse);
    if ("token" in this.#credentials) {
      const { roomId, displayName } = this.#credentials;
      this.#ask("room:join", "room:state", { roomId, displayName });
    } else {
      this.#ask("ping", "pong");
    }
  }

  #ask(type: string, replyType: string, payload?: unknown): void {
    const envelope = envelopeOf(type, payload);
    this.#expected = { id: envelope.correlationId, type: replyType };
    this.#timer = setTimeout(() => this.#events.onSilent(), this.#answerWithinMs);
    this.#events.send(envelope);
  }
}

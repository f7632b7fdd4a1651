import { correlationId } from "./correlation.js";
import { CallError } from "./error.js";
import {
  type Envelope,
  type ErrorPayload,
  REPLY_TYPES,
  type RequestPayload,
  type RequestType,
  type Result,
} from "./message.js";

interface Open {
  envelope: Envelope;
  replyType: string;
  resolve: (result: never) => void;
  reject: (error: CallError) => void;
  /** Milliseconds of `performance.now()` after which nobody waits, whatever the connection does. */
  untilMs: number;
  timer: ReturnType<typeof setTimeout> | undefined;
}

// As long as the server keeps the seat of one who is away.
const LONGEST_MS = 60_000;
// Of those that one page can have asked for in good faith while it was away.
const MOST_OPEN = 4096;

/** A message with an id of its own. */
export function envelopeOf(type: string, payload?: unknown): Envelope {
  // JSON leaves an undefined payload out.
  return { type, payload, timestamp: Date.now(), correlationId: correlationId() };
}

/** What an `error` or a reply of the expected type means. Throws CallError. */
export function payloadOf(envelope: Envelope, replyType: string): unknown {
  if (envelope.type === "error") throw CallError.fromPayload(envelope.payload as ErrorPayload);
  if (envelope.type === replyType) return envelope.payload;
  throw new CallError("UNEXPECTED_REPLY", "WRONG_TYPE", `The reply was ${envelope.type}.`);
}

/**
 * A session's requests that have no answer. They outlive a connection: the same message, with the
 * same id, is sent again on the next, and the server carries it out once.
 */
export class OpenRequests {
  readonly #answerWithinMs: number;
  readonly #open = new Map<string, Open>();

  constructor(answerWithinMs: number) {
    this.#answerWithinMs = answerWithinMs;
  }

  /** Notes a request, which is to be sent. The promise rejects with a CallError only. */
  add<T extends RequestType>(
    type: T,
    payload: RequestPayload<T>,
  ): { envelope: Envelope; reply: Promise<Result<T>> } {
    const envelope = envelopeOf(type, payload);
    const reply = new Promise<Result<T>>((resolve, reject) => {
      if (this.#open.size >= MOST_OPEN) {
        reject(new CallError("CLOSED", "TOO_MANY_OPEN", "Too many requests wait for an answer."));
        return;
      }
      const untilMs = performance.now() + LONGEST_MS;
      const open = { envelope, replyType: REPLY_TYPES[type], resolve, reject, untilMs };
      const id = envelope.correlationId as string;
      this.#open.set(id, { ...open, timer: undefined });
      this.#limit(id, LONGEST_MS);
    });
    return { envelope, reply };
  }

  /** It is on the wire: the time for its answer begins. */
  sent({ correlationId: id }: Envelope): void {
    if (id !== undefined) this.#limit(id, this.#answerWithinMs);
  }

  /** The connection is gone: no answer is due before there is another one. */
  hold(): void {
    for (const id of this.#open.keys()) this.#limit(id, LONGEST_MS);
  }

  /** What has no answer, in the order of asking. */
  get unanswered(): Envelope[] {
    return [...this.#open.values()].map(({ envelope }) => envelope);
  }

  /** Takes what may be an answer. A late one has nobody who waits for it. */
  settle(envelope: Envelope): void {
    const open = this.#take(envelope.correlationId);
    if (!open) return;
    try {
      open.resolve(payloadOf(envelope, open.replyType) as never);
    } catch (error) {
      open.reject(CallError.from(error));
    }
  }

  /** Nothing is answered any more. */
  fail(error: CallError): void {
    for (const id of [...this.#open.keys()]) this.#take(id)?.reject(error);
  }

  #limit(id: string, ms: number): void {
    const open = this.#open.get(id);
    if (!open) return;
    clearTimeout(open.timer);
    const leftMs = Math.max(0, Math.min(ms, open.untilMs - performance.now()));
    open.timer = setTimeout(() => {
      const { type } = open.envelope;
      this.#take(id)?.reject(new CallError("TIMEOUT", "NO_REPLY", `No reply to ${type} in time.`));
    }, leftMs);
  }

  #take(id: string | undefined): Open | undefined {
    const open = id === undefined ? undefined : this.#open.get(id);
    if (!open) return undefined;
    this.#open.delete(open.envelope.correlationId as string);
    clearTimeout(open.timer);
    return open;
  }
}

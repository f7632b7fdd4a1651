import type { Envelope } from "./message.js";
import { envelopeOf } from "./request.js";

export interface HeartbeatEvents {
  send: (envelope: Envelope) => void;
  /** Nothing was heard in time: the connection is half-open. */
  onSilent: () => void;
  /** Whether the gateway has heard the room's worker of late. */
  onWorker: (isAlive: boolean) => void;
}

/** Milliseconds. */
export interface HeartbeatTimes {
  everyMs: number;
  answerWithinMs: number;
}

export const HEARTBEAT: HeartbeatTimes = { everyMs: 10_000, answerWithinMs: 6_000 };

// A worker says every second that it lives.
const WORKER_SILENT_MS = 2500;
// How soon to ask again about a worker that is not heard.
const TROUBLED_EVERY_MS = 1000;

/**
 * Asks the server for a sign of life: browsers do not show its ping frames to pages, and a
 * connection that died without a word looks like one on which nothing happens.
 */
export class Heartbeat {
  readonly #events: HeartbeatEvents;
  readonly #times: HeartbeatTimes;
  #pingId: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(events: HeartbeatEvents, times: HeartbeatTimes) {
    this.#events = events;
    this.#times = times;
  }

  /**
   * Asks at once, if it has started: until the server's first answer on a connection nothing may be
   * said there, since it would take it for a sign that the next resume token has arrived.
   */
  ask(): void {
    const hasStarted = this.#timer !== undefined;
    if (this.#stopped || !hasStarted || this.#pingId !== undefined) return;
    clearTimeout(this.#timer);
    const ping = envelopeOf("ping");
    this.#pingId = ping.correlationId;
    this.#timer = setTimeout(() => this.#events.onSilent(), this.#times.answerWithinMs);
    this.#events.send(ping);
  }

  /** Asks again and again from now on; the first question follows in its time. */
  start(): void {
    if (this.#pingId === undefined) this.#rest(this.#times.everyMs);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Whether a message was the answer. */
  take({ correlationId, payload }: Envelope): boolean {
    if (correlationId === undefined || correlationId !== this.#pingId) return false;
    this.#pingId = undefined;
    // Any answer shows that the server lives, a refusal too.
    const ageMs = (payload as { workerAgeMs?: unknown } | undefined)?.workerAgeMs;
    const isAlive = !(typeof ageMs === "number" && ageMs > WORKER_SILENT_MS);
    this.#rest(isAlive ? this.#times.everyMs : TROUBLED_EVERY_MS);
    this.#events.onWorker(isAlive);
    return true;
  }

  #rest(ms: number): void {
    clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = setTimeout(() => this.ask(), ms);
  }
}

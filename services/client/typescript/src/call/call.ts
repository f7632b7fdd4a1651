import type { Direction } from "../signaling/message.js";
import { backoffMs } from "./backoff.js";
import type { Ending } from "./ending.js";
import type { Roster } from "./roster.js";
import { type Self, Session, type SessionOptions } from "./session.js";
import type { RemoteTrack } from "./subscriber.js";
import type { MediaState } from "./transport.js";

export type CallState =
  | { phase: "connecting" }
  /** In the room; `media` says whether packets get through, per direction in use. */
  | { phase: "joined"; self: Self; published: boolean; media: MediaStates }
  /** The connection is gone; another try follows in `retryMs`. */
  | { phase: "waiting"; words: string; retryMs: number }
  /** Over for good; `left` where this side wanted it so. */
  | { phase: "ended"; words: string; left: boolean };

export type MediaStates = Readonly<Partial<Record<Direction, MediaState>>>;

export interface CallEvents {
  onState: (state: CallState) => void;
  onRoster: (roster: Roster) => void;
  onTrack: (track: RemoteTrack) => void;
  onTrackGone: (track: RemoteTrack) => void;
}

// After this long in the room the next loss is a new one and not the same again.
const STABLE_MS = 10_000;

/** Stays in a room: joins, and joins again from scratch whenever the connection is lost. */
export class Call {
  readonly #options: SessionOptions;
  readonly #events: CallEvents;
  #state: CallState = { phase: "connecting" };
  #session: Session | undefined;
  // The session before: its media goes on until the next one is in the room.
  #previous: Session | undefined;
  #failures = 0;
  #joinedAtMs = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SessionOptions, events: CallEvents) {
    this.#options = options;
    this.#events = events;
  }

  get state(): CallState {
    return this.#state;
  }

  start(): void {
    this.#failures = 0;
    this.#connect();
  }

  /** Leaves for good; `start` joins again. */
  leave(): void {
    this.#free();
    this.#become({ phase: "ended", words: "You have left.", left: true });
  }

  /** The network may be back, or may have changed: does not wait for a timer to find out. */
  networkChanged(): void {
    if (this.#state.phase === "waiting") this.#connect();
    else if (this.#state.phase === "joined") this.#session?.probe();
  }

  #connect(): void {
    clearTimeout(this.#retryTimer);
    this.#become({ phase: "connecting" });
    const session = new Session(this.#options, {
      onJoined: (self) => this.#onJoined(self),
      onRoster: (roster) => {
        if (this.#session === session) this.#events.onRoster(roster);
      },
      onTrack: (track) => this.#events.onTrack(track),
      onTrackGone: (track) => this.#events.onTrackGone(track),
      onMediaState: (direction, media) => {
        if (this.#session === session) this.#onMediaState(direction, media);
      },
      onPublished: () => {
        if (this.#state.phase === "joined") this.#become({ ...this.#state, published: true });
      },
      onEnded: (ending) => this.#onEnded(session, ending),
    });
    this.#session = session;
  }

  #onJoined(self: Self): void {
    this.#previous?.close();
    this.#previous = undefined;
    this.#joinedAtMs = performance.now();
    this.#become({ phase: "joined", self, published: false, media: {} });
  }

  #onMediaState(direction: Direction, media: MediaState): void {
    if (this.#state.phase !== "joined") return;
    const states = { ...this.#state.media, [direction]: media };
    this.#become({ ...this.#state, media: states });
  }

  #onEnded(session: Session, ending: Ending): void {
    if (this.#session !== session) return;
    if (!ending.retry) {
      this.#free();
      this.#become({ phase: "ended", words: ending.words, left: false });
      return;
    }
    const wasJoined = this.#state.phase === "joined";
    this.#session = undefined;
    if (wasJoined && session.disconnected) this.#previous = session;
    else session.close();
    const stable = wasJoined && performance.now() - this.#joinedAtMs > STABLE_MS;
    this.#failures = stable ? 1 : this.#failures + 1;
    const retryMs = Math.max(ending.afterMs ?? 0, backoffMs(this.#failures, Math.random()));
    this.#retryTimer = setTimeout(() => this.#connect(), retryMs);
    this.#become({ phase: "waiting", words: ending.words, retryMs });
  }

  #free(): void {
    clearTimeout(this.#retryTimer);
    this.#session?.close();
    this.#session = undefined;
    this.#previous?.close();
    this.#previous = undefined;
  }

  #become(state: CallState): void {
    this.#state = state;
    this.#events.onState(state);
  }
}

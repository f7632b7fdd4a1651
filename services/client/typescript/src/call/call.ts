import type { Device } from "mediasoup-client";
import { backoffMs } from "../signaling/backoff.js";
import type { Connection } from "../signaling/client.js";
import type { Ending } from "../signaling/ending.js";
import { CallError } from "../signaling/error.js";
import type { HeartbeatTimes } from "../signaling/heartbeat.js";
import type {
  JsonValue,
  Participant,
  PeerUpdate,
  ProducerInfo,
  ServerStats,
  Speaker,
  TextMessage,
} from "../signaling/message.js";
import { NO_CONDITION, type RoomCondition } from "./condition.js";
import { Moderation } from "./moderation.js";
import { Preferences, type Want, type Wants } from "./preference.js";
import { LocalPublication, type Publication } from "./publication.js";
import { EMPTY_ROSTER, type Roster } from "./roster.js";
import { type Self, Session } from "./session.js";
import type { Source } from "./source.js";
import type { RemoteTrack } from "./subscriber.js";
import type { MediaStates } from "./transport.js";

/** Which room, as whom, and what to receive of it. */
export interface CallOptions {
  /** `ws:` or `wss:` address of the gateway. */
  url: string;
  /** A JWT for the room; it says the role. */
  token: string;
  roomId: string;
  displayName: string;
  /**
   * Whether, and in which layer, to receive a producer that this peer may see. Asked again whenever
   * the roster changes and at `refresh`. Without it nothing is received.
   */
  wants?: Wants;
  /**
   * Whether a camera or screen is sent in all of its layers, at all times. If not, those that no
   * viewer needs are switched off until one does; `publication.neededLayers` says which.
   */
  sendAllLayers?: boolean;
  /** For environments without a global WebSocket. */
  webSocket?: typeof WebSocket;
  /** For environments without WebRTC. */
  device?: () => Device;
  /** How often the server is asked for a sign of life, and how long it may take to give it. */
  heartbeat?: HeartbeatTimes;
}

/** How the call stands. `words` is a sentence for the person in front of the page. */
export type CallState =
  | { phase: "connecting" }
  /** A proctor has to let this side in; there is no deadline. */
  | { phase: "waiting-room" }
  /**
   * In the room. `published`: there are publications, and all of them are live. `media` says whether
   * packets get through, per direction in use; `connection` whether messages do. While that is not
   * `ok` the call comes back by itself, and tracks, publications and roster stay as they are.
   */
  | {
      phase: "joined";
      self: Self;
      published: boolean;
      media: MediaStates;
      connection: Connection;
    }
  /** The session is gone, because of `error`; joining anew is tried in `retryMs` milliseconds. */
  | { phase: "waiting"; words: string; error: CallError; retryMs: number }
  /**
   * Not begun, or over for good: `left` where this side wanted it so, or else because of `error`.
   * `said`: what the moderator who ended it wrote of it, to be shown beside `words` as theirs.
   */
  | { phase: "ended"; words: string; left: boolean; error?: CallError; said?: string };

/** Called one at a time, never before `start` but for `onPublication`, and never after `leave`. */
export interface CallEvents {
  onState?: (state: CallState) => void;
  /** Who is in the room and what they publish: a new map at each change. */
  onRoster?: (roster: Roster) => void;
  /** The room was locked or unlocked, or who waits to be let in has changed: a new object each time. */
  onRoom?: (room: RoomCondition) => void;
  /** Somebody has written something; each message is told once. */
  onMessage?: (message: TextMessage) => void;
  /** A track that was wanted is here. After a rejoining every track comes anew. */
  onTrack?: (track: RemoteTrack) => void;
  onTrackGone?: (track: RemoteTrack) => void;
  /** `track.layer` has changed since `onTrack`. */
  onLayer?: (track: RemoteTrack) => void;
  /** `track.score` has changed since `onTrack`. */
  onScore?: (track: RemoteTrack) => void;
  /** Who speaks, the loudest first, oneself included: a new array at each change. */
  onSpeakers?: (speakers: readonly Speaker[]) => void;
  /** State, error, pausing, scores or needed layers of one's own publication have changed. */
  onPublication?: (publication: Publication) => void;
}

// After this long in the room the next loss is a new one and not the same again.
const STABLE_MS = 10_000;

/**
 * Stays in a room: joins, goes on with the same session whenever the connection is lost, and joins
 * again from scratch where that session is over, publishing and receiving the same as before.
 */
export class Call {
  #options: CallOptions;
  readonly #events: CallEvents;
  readonly #publications = new Set<LocalPublication>();
  readonly #preferences = new Preferences();
  #state: CallState = { phase: "ended", words: "You have not joined yet.", left: true };
  #roster: Roster = EMPTY_ROSTER;
  #room: RoomCondition = NO_CONDITION;
  // What others are to see of this peer, where it is not what it joined with.
  #presence: PeerUpdate = {};
  #speakers: readonly Speaker[] = [];
  #session: Session | undefined;
  // The session before: its media goes on until the next one is in the room.
  #previous: Session | undefined;
  #failures = 0;
  #joinedAtMs = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  // After `leave`, until `start`.
  #silent = false;

  constructor(options: CallOptions, events: CallEvents = {}) {
    this.#options = options;
    this.#events = events;
  }

  get state(): CallState {
    return this.#state;
  }

  /** As `onRoster` last told it. */
  get roster(): Roster {
    return this.#roster;
  }

  /** As `onSpeakers` last told it. */
  get speakers(): readonly Speaker[] {
    return this.#speakers;
  }

  /** Everything published that has not ended, in the order of publishing. */
  get publications(): readonly Publication[] {
    return [...this.#publications];
  }

  /** Joins; does nothing while the call is under way. Throws what WebSocket throws for a bad `url`. */
  start(): void {
    if (this.#state.phase !== "ended") return;
    this.#silent = false;
    this.#failures = 0;
    this.#connect();
  }

  /**
   * Leaves for good: what follows is told before this returns, and nothing after. Publications wait;
   * `start` joins again with them.
   */
  leave(): void {
    if (this.#silent) return;
    this.#free();
    if (this.#state.phase !== "ended") {
      this.#become({ phase: "ended", words: "You have left.", left: true });
    }
    this.#silent = true;
  }

  /** The network may be back, or may have changed: does not wait for a timer to find out. */
  networkChanged(): void {
    if (this.#state.phase === "waiting") this.#connect();
    else this.#session?.probe();
  }

  /**
   * Takes a fresh token, before the one in use expires: for joining anew, and for the TURN servers'
   * credentials, which expire too. Rejects with a CallError, and goes on with the token before, if the
   * server refuses it.
   */
  async renew(token: string): Promise<void> {
    if (this.#state.phase === "joined") await this.#session?.renew(token);
    this.#options = { ...this.#options, token };
  }

  /**
   * Publishes a track until it ends or the publication is closed, through every rejoining; before
   * `start` too. The track stays the caller's. Throws a CallError of code TRACK (`TRACK_ENDED`,
   * `WRONG_KIND`); everything later is told by the publication's `state`.
   */
  publish(track: MediaStreamTrack, { source }: { source: Source }): Publication {
    const publication = new LocalPublication(track, source, (changed) => this.#onChanged(changed));
    this.#publications.add(publication);
    if (this.#state.phase === "joined") this.#session?.publish(publication);
    this.#updatePublished();
    return publication;
  }

  /**
   * Asks for a layer of a producer's video, 0 the lowest, in place of what `wants` said; one above
   * the highest means the highest. Holds until the producer is gone, through every rejoining.
   */
  preferLayer(producerId: string, layer: number): void {
    this.#preferences.prefer(producerId, layer);
    this.refresh();
  }

  /** Spares the downlink: the track stays, and nothing is sent for it until `resumeTrack`. */
  pauseTrack(producerId: string): void {
    this.#preferences.setPaused(producerId, true);
    this.refresh();
  }

  resumeTrack(producerId: string): void {
    this.#preferences.setPaused(producerId, false);
    this.refresh();
  }

  /** For proctors, and whoever else has a token to moderate with. */
  readonly moderation = new Moderation(
    (type, payload) => this.#present().ask(type, payload),
    (locked) => this.#session?.setLocked(locked),
  );

  /** How the room is, as `onRoom` last told it. */
  get room(): RoomCondition {
    return this.#room;
  }

  /**
   * Writes a message: to everyone whom this peer may write to or, with `to`, to one peer. At most
   * 4 KiB of JSON. Rejects with a CallError.
   */
  async send(body: JsonValue, to?: string): Promise<void> {
    await this.#present().ask("message:send", { body, ...(to !== undefined && { to }) });
  }

  /**
   * Changes what others see of this peer, for as long as the call lives: it is told again where the
   * peer has to join anew. Rejects with a CallError, and leaves everything as it was.
   */
  async update(change: PeerUpdate): Promise<void> {
    const before = this.#presence;
    const after = { ...before, ...change };
    this.#presence = after;
    if (this.#state.phase !== "joined") return;
    try {
      await this.#present().ask("peer:update", change);
    } catch (thrown) {
      const error = CallError.from(thrown);
      // The worker or the session is gone: it is told where the peer joins next.
      if (error.code === "CLOSED") return;
      // A younger change stands.
      if (this.#presence === after) this.#presence = before;
      throw error;
    }
  }

  /** Asks `wants` again about every producer. */
  refresh(): void {
    this.#session?.subscribe();
  }

  /**
   * What the server has counted of a producer that this peer may see, its own too, and of the way of
   * it to here where it is received; without `producerId`, of the transports in use. The names are
   * those of W3C's webrtc-stats. Rejects with a CallError: CLOSED while the call is not in the room,
   * NOT_FOUND for what is gone.
   */
  async serverStats(producerId?: string): Promise<ServerStats[]> {
    if (this.#state.phase !== "joined" || !this.#session) {
      throw new CallError("CLOSED", "", "The call is not in the room.");
    }
    return this.#session.serverStats(producerId);
  }

  #connect(): void {
    clearTimeout(this.#retryTimer);
    this.#become({ phase: "connecting" });
    if (this.#state.phase !== "connecting" || this.#session) return;
    const session: Session = new Session(
      {
        ...this.#options,
        want: (participant, producer) => this.#want(participant, producer),
        publications: this.#publications,
      },
      {
        onWaiting: () => {
          if (this.#session === session) this.#become({ phase: "waiting-room" });
        },
        onJoined: (self) => this.#onJoined(session, self),
        onMoved: () => {
          if (this.#session === session) this.#tellPresence(session);
        },
        onRoster: (roster) => {
          if (this.#session === session) this.#onRoster(roster);
        },
        onRoom: (room) => {
          if (this.#session === session) this.#onRoom(room);
        },
        onMessage: (message) => {
          if (this.#session === session) this.#tell(this.#events.onMessage, message);
        },
        onTrack: (track) => this.#tell(this.#events.onTrack, track),
        onTrackGone: (track) => this.#tell(this.#events.onTrackGone, track),
        onLayer: (track) => this.#tell(this.#events.onLayer, track),
        onScore: (track) => this.#tell(this.#events.onScore, track),
        onSpeakers: (speakers) => {
          if (this.#session === session) this.#onSpeakers(speakers);
        },
        onMedia: (media) => {
          if (this.#session === session) this.#update({ media });
        },
        onConnection: (connection) => {
          if (this.#session === session) this.#update({ connection });
        },
        onEnded: (ending) => this.#onEnded(session, ending),
      },
    );
    this.#session = session;
  }

  #want(participant: Participant, producer: ProducerInfo): Want | undefined {
    try {
      const wish = this.#options.wants?.(participant, producer) ?? false;
      return this.#preferences.want(producer.producerId, wish);
    } catch (error) {
      rethrowLater(error);
      return undefined;
    }
  }

  #onJoined(session: Session, self: Self): void {
    const previous = this.#previous;
    this.#previous = undefined;
    previous?.close();
    // An event that was told meanwhile may have made the page leave.
    if (this.#session !== session) return;
    this.#joinedAtMs = performance.now();
    this.#tellPresence(session);
    this.#become({ phase: "joined", self, published: false, media: {}, connection: "ok" });
  }

  #present(): Session {
    if (this.#state.phase === "joined" && this.#session) return this.#session;
    throw new CallError("CLOSED", "NOT_JOINED", "The call is not in the room.");
  }

  #tellPresence(session: Session): void {
    if (Object.keys(this.#presence).length === 0) return;
    // It was taken before; where it is not now, the peer stays as it joined.
    session.ask("peer:update", this.#presence).catch(() => {});
  }

  #onRoom(room: RoomCondition): void {
    this.#room = room;
    this.#tell(this.#events.onRoom, room);
  }

  #onRoster(roster: Roster): void {
    this.#roster = roster;
    this.#preferences.keep(roster);
    this.#tell(this.#events.onRoster, roster);
  }

  #onSpeakers(speakers: readonly Speaker[]): void {
    if (speakers.length === 0 && this.#speakers.length === 0) return;
    this.#speakers = speakers;
    this.#tell(this.#events.onSpeakers, speakers);
  }

  #update(changed: { media: MediaStates } | { connection: Connection }): void {
    if (this.#state.phase === "joined") this.#become({ ...this.#state, ...changed });
  }

  #onChanged(publication: LocalPublication): void {
    if (publication.state === "ended") this.#publications.delete(publication);
    this.#tell<Publication>(this.#events.onPublication, publication);
    this.#updatePublished();
  }

  #updatePublished(): void {
    if (this.#state.phase !== "joined") return;
    const all = [...this.#publications];
    const published = all.length > 0 && all.every(({ state }) => state === "live");
    if (published !== this.#state.published) this.#become({ ...this.#state, published });
  }

  #onEnded(session: Session, ending: Ending): void {
    if (this.#session !== session) return;
    if (!ending.retry) {
      this.#free();
      const { words, error, said } = ending;
      this.#become({ phase: "ended", words, left: false, error, ...(said && { said }) });
      return;
    }
    const wasJoined = this.#state.phase === "joined";
    this.#session = undefined;
    this.#onSpeakers([]);
    if (wasJoined && session.disconnected) this.#previous = session;
    else session.close();
    const stable = wasJoined && performance.now() - this.#joinedAtMs > STABLE_MS;
    this.#failures = stable ? 1 : this.#failures + 1;
    const retryMs = Math.max(ending.afterMs ?? 0, backoffMs(this.#failures, Math.random()));
    this.#retryTimer = setTimeout(() => this.#connect(), retryMs);
    this.#become({ phase: "waiting", words: ending.words, error: ending.error, retryMs });
    if (this.#state.phase !== "waiting") return;
    for (const publication of this.#publications) publication.wait();
  }

  #free(): void {
    clearTimeout(this.#retryTimer);
    const sessions = [this.#session, this.#previous];
    this.#session = undefined;
    this.#previous = undefined;
    for (const session of sessions) session?.close();
    this.#onSpeakers([]);
    if (this.#roster.size > 0) this.#onRoster(EMPTY_ROSTER);
    if (this.#room !== NO_CONDITION) this.#onRoom(NO_CONDITION);
  }

  #become(state: CallState): void {
    this.#state = state;
    this.#tell(this.#events.onState, state);
  }

  #tell<T>(event: ((value: T) => void) | undefined, value: T): void {
    if (this.#silent) return;
    try {
      event?.(value);
    } catch (error) {
      rethrowLater(error);
    }
  }
}

/** A page's mistake is shown as such, and does not break the call off. */
function rethrowLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

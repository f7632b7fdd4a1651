import { Device } from "mediasoup-client";
import { SignalingClient } from "../signaling/client.js";
import type { Closing } from "../signaling/closing.js";
import { CallError } from "../signaling/error.js";
import type {
  Direction,
  Events,
  Participant,
  ProducerInfo,
  Role,
  RoomState,
  SignalingEvent,
} from "../signaling/message.js";
import { closedEnding, type Ending, endingOf } from "./ending.js";
import type { Want } from "./preference.js";
import type { LocalPublication } from "./publication.js";
import { Publisher } from "./publisher.js";
import { applyEvent, EMPTY_ROSTER, type Roster, rosterOf } from "./roster.js";
import { type RemoteTrack, Subscriber } from "./subscriber.js";
import type { Link, MediaState } from "./transport.js";

export interface SessionOptions {
  /** `ws:` or `wss:` address of the gateway. */
  url: string;
  token: string;
  roomId: string;
  displayName: string;
  /** How to receive a producer that this peer may see; undefined: not at all. */
  want: (participant: Participant, producer: ProducerInfo) => Want | undefined;
  /** What to publish on entering; `publish` sends those that come later. */
  publications: ReadonlySet<LocalPublication>;
  /** For environments without a global WebSocket. */
  webSocket?: typeof WebSocket;
  /** For environments without WebRTC. */
  device?: () => Device;
}

export interface SessionEvents {
  onJoined: (self: Self) => void;
  onRoster: (roster: Roster) => void;
  onTrack: (track: RemoteTrack) => void;
  onTrackGone: (track: RemoteTrack) => void;
  onLayer: (track: RemoteTrack) => void;
  onMediaState: (direction: Direction, state: MediaState) => void;
  /** Called once. Media may still flow until `close`. */
  onEnded: (ending: Ending) => void;
}

/** This side, as the server knows it. */
export interface Self {
  peerId: string;
  userId: string;
  role: Role;
}

// Browsers do not show the server's ping frames to pages, so a dead connection is found by asking.
const PING_INTERVAL_MS = 10_000;

const BLOCKED = "Sound and picture cannot get through. A firewall may block them.";

const MEDIA_FAILED: Ending = {
  words: BLOCKED,
  retry: true,
  error: new CallError("TRANSPORT_ERROR", "MEDIA_FAILED", BLOCKED),
};

const MOVED: Ending = closedEnding(
  { words: "The room is moving to another server.", retry: true },
  "ROOM_MOVED",
);

/** One membership of one room, from the socket's opening to its end. It never reconnects. */
export class Session {
  readonly #options: SessionOptions;
  readonly #events: SessionEvents;
  readonly #client: SignalingClient;
  #subscriber: Subscriber | undefined;
  #publisher: Publisher | undefined;
  #roster: Roster = EMPTY_ROSTER;
  // Events that arrive in the same instant as the snapshot they follow.
  #early: SignalingEvent[] | undefined = [];
  // What `session:closing` said about the end that is to come.
  #announced: Ending | undefined;
  readonly #life = new AbortController();
  #ended = false;
  #closed = false;
  #pingTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SessionOptions, events: SessionEvents) {
    this.#options = options;
    this.#events = events;
    this.#client = new SignalingClient({
      url: options.url,
      onEvent: (event) => this.#onEvent(event),
      onClosed: (closing) => this.#onSocketClosed(closing),
      ...(options.webSocket && { webSocket: options.webSocket }),
    });
    this.#start().catch((error: unknown) => this.#end(endingOf(error)));
  }

  /** Whether the socket is gone; media that was set up before may still flow. */
  get disconnected(): boolean {
    return this.#client.closed;
  }

  /** Frees everything. The server forgets this peer if the socket still stands. */
  close(): void {
    this.#closed = true;
    this.#stop();
    this.#client.leave();
    this.#publisher?.close();
    this.#subscriber?.close();
  }

  /** Asks the server for a sign of life at once, for example when the network has changed. */
  probe(): void {
    clearTimeout(this.#pingTimer);
    this.#ping();
  }

  /** Sends one more publication; before the room is entered, those of the options are enough. */
  publish(publication: LocalPublication): void {
    this.#publisher?.publish(publication);
  }

  /** What is wanted has changed. */
  subscribe(): void {
    if (this.#ended) return;
    const wanted = new Map<string, Want>();
    for (const participant of this.#roster.values()) {
      for (const producer of participant.producers) {
        const want = this.#options.want(participant, producer);
        if (want) wanted.set(producer.producerId, want);
      }
    }
    this.#subscriber?.want(wanted);
  }

  async #start(): Promise<void> {
    const { token, roomId, displayName, publications } = this.#options;
    await this.#client.opened;
    const { userId, peerId, role, iceServers } = await this.#client.request("auth:request", {
      token,
      roomId,
    });
    const state = await this.#client.request("room:join", { roomId, displayName });
    const link = this.#linkOf(state, iceServers);
    const subscriber = new Subscriber(link, {
      onTrack: this.#events.onTrack,
      onTrackGone: this.#events.onTrackGone,
      onLayer: this.#events.onLayer,
      onFailed: (error) => this.#end(endingOf(error)),
    });
    this.#subscriber = subscriber;
    this.#enter(state);
    this.#events.onJoined({ peerId, userId, role });
    if (this.#ended) return;
    this.#schedulePing();
    this.subscribe();
    this.#publisher = new Publisher(link, (error) => this.#end(endingOf(error)));
    for (const publication of publications) this.#publisher.publish(publication);
    if (publications.size === 0) subscriber.prepare();
  }

  #linkOf(state: RoomState, iceServers: RTCIceServer[]): Link {
    const device = this.#load(state);
    device.catch((error: unknown) => this.#end(endingOf(error)));
    return {
      client: this.#client,
      signal: this.#life.signal,
      device,
      iceServers,
      onMediaState: (direction, media) => this.#onMediaState(direction, media),
    };
  }

  /** The browser's abilities, narrowed to what the room's router can do. */
  async #load({ roomConfig }: RoomState): Promise<Device> {
    const device = this.#options.device?.() ?? new Device();
    await device.load({ routerRtpCapabilities: roomConfig.routerRtpCapabilities });
    return device;
  }

  #enter(state: RoomState): void {
    this.#roster = rosterOf(state.participants);
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const event of early) {
      // A state event up to the snapshot's position is already in it.
      if (event.seq === undefined || event.seq > state.seq) this.#onEvent(event);
    }
    this.#events.onRoster(this.#roster);
  }

  #onEvent(event: SignalingEvent): void {
    if (this.#ended) return;
    switch (event.type) {
      case "session:closing":
        this.#announced = announced(event.payload);
        return;
      case "transport:closed":
        this.#end(MEDIA_FAILED);
        return;
      case "room:moved":
        this.#end(MOVED);
        return;
      case "consumer:layers":
        this.#onLayers(event.payload);
        return;
      case "consumer:closed":
        this.#subscriber?.consumerClosed(event.payload.consumerId);
        return;
      default:
        this.#onStateEvent(event);
    }
  }

  #onLayers({ consumerId, spatialLayer }: Events["consumer:layers"]): void {
    const layer = Number.isInteger(spatialLayer) ? spatialLayer : undefined;
    this.#subscriber?.layerChanged(consumerId, layer);
  }

  #onStateEvent(event: SignalingEvent): void {
    if (this.#early) {
      this.#early.push(event);
      return;
    }
    const roster = applyEvent(this.#roster, event);
    if (roster === this.#roster) return;
    this.#roster = roster;
    this.#events.onRoster(roster);
    this.subscribe();
  }

  #onMediaState(direction: Direction, state: MediaState): void {
    if (this.#closed) return;
    this.#events.onMediaState(direction, state);
    if (state === "failed") this.#end(MEDIA_FAILED);
  }

  #onSocketClosed(closing: Closing): void {
    this.#end(this.#announced ?? closedEnding(closing, `CLOSE_${closing.code}`));
  }

  #end(ending: Ending): void {
    if (this.#ended) return;
    this.#stop();
    this.#events.onEnded(ending);
  }

  #stop(): void {
    this.#ended = true;
    clearTimeout(this.#pingTimer);
    this.#life.abort();
  }

  #schedulePing(): void {
    this.#pingTimer = setTimeout(() => this.#ping(), PING_INTERVAL_MS);
  }

  #ping(): void {
    if (this.#ended) return;
    this.#client.request("ping", undefined).then(
      () => {
        if (!this.#ended) this.#schedulePing();
      },
      () => this.#client.abandon(),
    );
  }
}

function announced({ action, afterMs, reason }: Events["session:closing"]): Ending {
  return action === "stop"
    ? closedEnding({ words: "The session has ended.", retry: false }, reason)
    : closedEnding({ words: "The server is restarting.", retry: true, afterMs }, reason);
}

import { Device } from "mediasoup-client";
import { type Connection, SignalingClient } from "../signaling/client.js";
import { type Ending, endingOf } from "../signaling/ending.js";
import type { HeartbeatTimes } from "../signaling/heartbeat.js";
import type {
  AuthResponse,
  Events,
  Participant,
  ProducerInfo,
  RequestPayload,
  RequestType,
  Result,
  Role,
  RoomState,
  ServerStats,
  SignalingEvent,
  Speaker,
  TextMessage,
} from "../signaling/message.js";
import { applyToCondition, conditionOf, NO_CONDITION, type RoomCondition } from "./condition.js";
import { Media, mediaFailed } from "./media.js";
import type { Want } from "./preference.js";
import type { LocalPublication } from "./publication.js";
import { applyEvent, EMPTY_ROSTER, type Roster, rosterOf } from "./roster.js";
import type { RemoteTrack } from "./subscriber.js";
import type { MediaStates } from "./transport.js";

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
  /** Whether layers are sent that nobody needs. */
  sendAllLayers?: boolean;
  /** For environments without a global WebSocket. */
  webSocket?: typeof WebSocket;
  /** For environments without WebRTC. */
  device?: () => Device;
  heartbeat?: HeartbeatTimes;
}

export interface SessionEvents {
  /** In the waiting room, until a moderator decides. */
  onWaiting: () => void;
  onJoined: (self: Self) => void;
  /** The room has another worker, where this peer is as it was when it joined. */
  onMoved: () => void;
  onRoster: (roster: Roster) => void;
  onRoom: (room: RoomCondition) => void;
  onMessage: (message: TextMessage) => void;
  onTrack: (track: RemoteTrack) => void;
  onTrackGone: (track: RemoteTrack) => void;
  onLayer: (track: RemoteTrack) => void;
  onSpeakers: (speakers: readonly Speaker[]) => void;
  onScore: (track: RemoteTrack) => void;
  onMedia: (states: MediaStates) => void;
  /** The connection is lost and the session comes back, or it is back. */
  onConnection: (connection: Connection) => void;
  /** Called once. Media may still flow until `close`. */
  onEnded: (ending: Ending) => void;
}

/** This side, as the server knows it. */
export interface Self {
  peerId: string;
  userId: string;
  role: Role;
}

/**
 * One membership of one room, from joining to its end, through every resuming. Media is untouched by
 * a connection that breaks; it is made anew where it has failed meanwhile, or where the room's worker
 * is another one.
 */
export class Session {
  readonly #options: SessionOptions;
  readonly #events: SessionEvents;
  readonly #client: SignalingClient;
  #self: Self | undefined;
  #iceServers: RTCIceServer[] = [];
  #state: RoomState | undefined;
  #media: Media | undefined;
  #roster: Roster = EMPTY_ROSTER;
  #room: RoomCondition = NO_CONDITION;
  // Media has failed while the connection was lost: nothing can be done before it is back.
  #isStale = false;
  #ended = false;

  /** Throws what WebSocket throws for a bad `url`. */
  constructor(options: SessionOptions, events: SessionEvents) {
    this.#options = options;
    this.#events = events;
    const { url, token, roomId, displayName, webSocket, heartbeat } = options;
    this.#client = new SignalingClient({
      ...{ url, token, roomId, displayName },
      onAuthenticated: (response) => this.#onAuthenticated(response),
      onWaiting: events.onWaiting,
      onState: (state) => this.#onState(state),
      onEvent: (event) => this.#onEvent(event),
      onConnection: (connection) => this.#onConnection(connection),
      onEnded: (ending) => this.#end(ending),
      ...(webSocket && { webSocket }),
      ...(heartbeat && { heartbeat }),
    });
  }

  /** Whether the server is gone for this session; media that was set up before may still flow. */
  get disconnected(): boolean {
    return this.#client.isOver;
  }

  /** Frees everything. The server forgets this peer if the socket still stands. */
  close(): void {
    this.#ended = true;
    this.#client.leave();
    this.#media?.close();
  }

  /** Asks the server for a sign of life at once, for example when the network has changed. */
  probe(): void {
    this.#client.probe();
  }

  /** Asks the server for something that concerns no media. Rejects with a CallError. */
  ask<T extends RequestType>(type: T, payload: RequestPayload<T>): Promise<Result<T>> {
    return this.#client.request(type, payload);
  }

  /** The lock has been changed by this side, which is told to the others only. */
  setLocked(locked: boolean): void {
    this.#setRoom({ ...this.#room, locked });
  }

  /** Shows the server a fresh token; returns until when it is good, in Unix milliseconds. */
  async renew(token: string): Promise<number> {
    const { expiresAt, iceServers } = await this.#client.request("auth:refresh", { token });
    this.#iceServers = iceServers;
    return expiresAt;
  }

  /**
   * What the server has counted of a producer, and of its way here if it is received; without one, of
   * the transports in use.
   */
  async serverStats(producerId?: string): Promise<ServerStats[]> {
    const consumerId = producerId && this.#media?.consumerOf(producerId);
    const transportIds = producerId ? [] : (this.#media?.transportIds ?? []);
    const wanted = [
      ...(producerId ? [{ producerId }] : []),
      ...(consumerId ? [{ consumerId }] : []),
      ...transportIds.map((transportId) => ({ transportId })),
    ];
    const got = wanted.map((name) => this.#client.request("stats:get", name));
    return (await Promise.all(got)).flatMap(({ stats }) => stats);
  }

  /** Sends one more publication; before the room is entered, those of the options are enough. */
  publish(publication: LocalPublication): void {
    this.#media?.publish(publication);
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
    this.#media?.want(wanted);
  }

  #onAuthenticated({ peerId, userId, role, iceServers }: AuthResponse): void {
    this.#self = { peerId, userId, role };
    this.#iceServers = iceServers;
  }

  #onState(state: RoomState): void {
    const before = this.#state;
    this.#state = state;
    this.#roster = rosterOf(state.participants);
    this.#setRoom(conditionOf(state));
    if (before?.epoch === state.epoch) {
      this.#media?.reconcile(state.own);
      this.#events.onRoster(this.#roster);
      this.subscribe();
      return;
    }
    this.#media?.close();
    this.#media = this.#newMedia(state);
    this.#events.onRoster(this.#roster);
    if (before) this.#events.onMoved();
    else if (this.#self) this.#events.onJoined(this.#self);
    this.#fill();
  }

  /** Media as before, over new transports. */
  #renewMedia(): void {
    if (!this.#state) return;
    this.#media?.withdraw();
    this.#media = this.#newMedia(this.#state);
    this.#fill();
  }

  #newMedia(state: RoomState): Media {
    this.#isStale = false;
    const client = this.#client;
    const device = this.#load(state);
    const media: Media = new Media(
      {
        ...{ client, device, iceServers: () => this.#iceServers },
        sendAllLayers: this.#options.sendAllLayers ?? false,
      },
      {
        onTrack: this.#events.onTrack,
        onTrackGone: this.#events.onTrackGone,
        onLayer: this.#events.onLayer,
        onScore: this.#events.onScore,
        onStates: (states) => this.#onMedia(states),
        onFailed: (error) => {
          if (this.#media === media) this.#onMediaFailed(error);
        },
      },
    );
    return media;
  }

  /** What is wanted, and what is published. */
  #fill(): void {
    if (this.#ended) return;
    const { publications } = this.#options;
    this.subscribe();
    for (const publication of publications) this.#media?.publish(publication);
    if (publications.size === 0) this.#media?.prepare();
  }

  /** The browser's abilities, narrowed to what the room's router can do. */
  async #load({ roomConfig }: RoomState): Promise<Device> {
    const device = this.#options.device?.() ?? new Device();
    await device.load({ routerRtpCapabilities: roomConfig.routerRtpCapabilities });
    return device;
  }

  #onEvent(event: SignalingEvent): void {
    if (this.#ended) return;
    switch (event.type) {
      case "transport:closed":
        if (this.#media?.has(event.payload.transportId)) this.#onMediaFailed(mediaFailed());
        return;
      case "room:moved":
        // The state that follows says the rest.
        return;
      case "message":
        this.#events.onMessage(event.payload);
        return;
      case "consumer:layers":
        this.#onLayers(event.payload);
        return;
      case "producer:layers-needed":
        this.#onLayersNeeded(event.payload);
        return;
      case "speaker:active":
        this.#events.onSpeakers(event.payload.speakers);
        return;
      case "producer:score":
        this.#media?.scoresChanged(event.payload.producerId, event.payload.scores);
        return;
      case "consumer:score": {
        const { consumerId, score, producerScore } = event.payload;
        this.#media?.scoreChanged(consumerId, { score, producerScore });
        return;
      }
      case "consumer:closed":
        this.#media?.consumerClosed(event.payload.consumerId);
        return;
      case "producer:paused":
        this.#media?.producerChanged(event.payload.producerId, true, event.payload.muted ?? false);
        break;
      case "producer:resumed":
        this.#media?.producerChanged(event.payload.producerId, false, false);
        break;
    }
    this.#onStateEvent(event);
  }

  #onLayers({ consumerId, spatialLayer }: Events["consumer:layers"]): void {
    const layer = Number.isInteger(spatialLayer) ? spatialLayer : undefined;
    this.#media?.layerChanged(consumerId, layer);
  }

  #onLayersNeeded({ producerId, spatialLayer }: Events["producer:layers-needed"]): void {
    const highest = Number.isInteger(spatialLayer) ? (spatialLayer as number) : -1;
    this.#media?.layersNeeded(producerId, highest + 1);
  }

  #setRoom(room: RoomCondition): void {
    if (room === this.#room) return;
    this.#room = room;
    this.#events.onRoom(room);
  }

  #onStateEvent(event: SignalingEvent): void {
    this.#setRoom(applyToCondition(this.#room, event));
    const roster = applyEvent(this.#roster, event);
    if (roster === this.#roster) return;
    this.#roster = roster;
    this.#events.onRoster(roster);
    this.subscribe();
  }

  #onConnection(connection: Connection): void {
    if (this.#ended) return;
    if (this.#client.isIn && this.#isStale) this.#renewMedia();
    // Nobody knows who speaks meanwhile; it is told again when the connection is back.
    if (connection === "lost") this.#events.onSpeakers([]);
    this.#events.onConnection(connection);
  }

  #onMedia(states: MediaStates): void {
    if (this.#ended) return;
    this.#events.onMedia(states);
    // The network may be gone as a whole: that is to be known before media is given up for failed.
    if (this.#client.isIn && Object.values(states).includes("interrupted")) this.probe();
  }

  #onMediaFailed(error: unknown): void {
    if (this.#client.isIn) this.#end(endingOf(error));
    else this.#isStale = true;
  }

  #end(ending: Ending): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#events.onEnded(ending);
  }
}

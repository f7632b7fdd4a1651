import type { Device } from "mediasoup-client";
import type { SignalingClient } from "../signaling/client.js";
import { CallError } from "../signaling/error.js";
import type { Direction, LayerScore, Own } from "../signaling/message.js";
import type { Want } from "./preference.js";
import type { LocalPublication } from "./publication.js";
import { Publisher } from "./publisher.js";
import { type RemoteTrack, type Score, Subscriber } from "./subscriber.js";
import type { Link, MediaState, MediaStates } from "./transport.js";

export interface MediaOptions {
  client: SignalingClient;
  /** The browser's abilities, narrowed to what the room's router can do. */
  device: Promise<Device>;
  iceServers: () => RTCIceServer[];
  /** Whether layers are sent that nobody needs. */
  sendAllLayers: boolean;
}

export interface MediaEvents {
  onTrack: (track: RemoteTrack) => void;
  onTrackGone: (track: RemoteTrack) => void;
  onLayer: (track: RemoteTrack) => void;
  onScore: (track: RemoteTrack) => void;
  onStates: (states: MediaStates) => void;
  /** Sending or receiving does not work as a whole. */
  onFailed: (error: unknown) => void;
}

/**
 * What a session sends and receives, over one transport each. It lasts as long as these do: longer
 * than a connection to the gateway, and no longer than the room's worker.
 */
export class Media {
  readonly #link: Link;
  readonly #events: MediaEvents;
  readonly #publisher: Publisher;
  readonly #subscriber: Subscriber;
  readonly #life = new AbortController();
  readonly #transportIds = new Set<string>();
  #states: MediaStates = {};

  constructor({ client, device, iceServers, sendAllLayers }: MediaOptions, events: MediaEvents) {
    this.#events = events;
    const onFailed = (error: unknown) => this.#fail(error);
    device.catch(onFailed);
    this.#link = {
      client,
      device,
      iceServers,
      signal: this.#life.signal,
      onCreated: (transportId) => this.#transportIds.add(transportId),
      onMediaState: (direction, state) => this.#onState(direction, state),
    };
    this.#subscriber = new Subscriber(this.#link, { ...events, onFailed });
    this.#publisher = new Publisher(this.#link, sendAllLayers, onFailed);
  }

  /** Whether a transport of the server's is this media's. */
  has(transportId: string): boolean {
    return this.#transportIds.has(transportId);
  }

  /** The server's transports of this media. */
  get transportIds(): readonly string[] {
    return [...this.#transportIds];
  }

  /** The server's name of what is received of a producer; undefined while nothing is. */
  consumerOf(producerId: string): string | undefined {
    return this.#subscriber.consumerOf(producerId);
  }

  /** Creates the transport to receive ahead of the first producer. */
  prepare(): void {
    this.#subscriber.prepare();
  }

  publish(publication: LocalPublication): void {
    this.#publisher.publish(publication);
  }

  want(wanted: ReadonlyMap<string, Want>): void {
    this.#subscriber.want(wanted);
  }

  consumerClosed(consumerId: string): void {
    this.#subscriber.consumerClosed(consumerId);
  }

  producerChanged(producerId: string, paused: boolean, muted: boolean): void {
    this.#publisher.producerChanged(producerId, paused, muted);
  }

  /** How many layers of an own producer are needed, from the lowest. */
  layersNeeded(producerId: string, count: number): void {
    this.#publisher.layersNeeded(producerId, count);
  }

  layerChanged(consumerId: string, layer: number | undefined): void {
    this.#subscriber.layerChanged(consumerId, layer);
  }

  scoresChanged(producerId: string, scores: readonly LayerScore[]): void {
    this.#publisher.scoresChanged(producerId, scores);
  }

  scoreChanged(consumerId: string, score: Score): void {
    this.#subscriber.scoreChanged(consumerId, score);
  }

  /** What the server has of it, in place of events that were missed. */
  reconcile({ transports, producers, consumers }: Own): void {
    const present = new Set(transports.map(({ transportId }) => transportId));
    if ([...this.#transportIds].some((transportId) => !present.has(transportId))) {
      this.#fail(mediaFailed());
    }
    for (const { producerId, paused, muted = false } of producers) {
      this.producerChanged(producerId, paused, muted);
    }
    this.#subscriber.keep(new Set(consumers.map(({ consumerId }) => consumerId)));
  }

  /** Ends it on this side. */
  close(): void {
    this.#life.abort();
    this.#publisher.close();
    this.#subscriber.close();
  }

  /** Ends it on this side and on the server. */
  withdraw(): void {
    this.close();
    for (const transportId of this.#transportIds) {
      // What cannot be closed now goes with the session.
      this.#link.client.request("transport:close", { transportId }).catch(() => {});
    }
  }

  #onState(direction: Direction, state: MediaState): void {
    if (this.#life.signal.aborted) return;
    this.#states = { ...this.#states, [direction]: state };
    this.#events.onStates(this.#states);
    if (state === "failed") this.#fail(mediaFailed());
  }

  #fail(error: unknown): void {
    if (!this.#life.signal.aborted) this.#events.onFailed(error);
  }
}

/** The transports are gone, or nothing gets through them. */
export function mediaFailed(): CallError {
  return new CallError("TRANSPORT_ERROR", "MEDIA_FAILED", "The media transport failed.");
}

import { parseScalabilityMode } from "mediasoup-client";
import type { Consumer, MediaKind, Transport } from "mediasoup-client/types";
import { CallError, type ErrorCode } from "../signaling/error.js";
import type { ConsumeFailure, ConsumerCreated } from "../signaling/message.js";
import { Agreement } from "./agreement.js";
import { ask, within } from "./patience.js";
import type { Want } from "./preference.js";
import { type Source, sourceOf } from "./source.js";
import { createTransport, type Link } from "./transport.js";

/** A track of another peer. */
export interface RemoteTrack {
  readonly peerId: string;
  readonly producerId: string;
  readonly source: Source;
  readonly kind: MediaKind;
  readonly track: MediaStreamTrack;
  /** Absent in environments without WebRTC. */
  readonly receiver: RTCRtpReceiver | undefined;
  /** How many layers the producer has; 1 if it is no simulcast. */
  readonly layers: number;
  /** The layer that arrives, 0 the lowest; undefined while none does or the server has not said. */
  readonly layer: number | undefined;
  /** How well it gets here; undefined before the server has said so. While paused, as before. */
  readonly score: Score | undefined;
}

/** 10 is perfect, 1 as bad as can be, 0: nothing comes. */
export interface Score {
  /** Of the way from the server to here. */
  readonly score: number;
  /** Of the way from the publisher to the server. */
  readonly producerScore: number;
}

export interface SubscriberEvents {
  onTrack: (track: RemoteTrack) => void;
  onTrackGone: (track: RemoteTrack) => void;
  onLayer: (track: RemoteTrack) => void;
  onScore: (track: RemoteTrack) => void;
  /** Receiving does not work at all; a single producer's failure is not reported here. */
  onFailed: (error: unknown) => void;
}

interface Subscription {
  consumer: Consumer;
  remote: Received;
  layer: Agreement<number>;
  paused: Agreement<boolean>;
}

/** What the server has said of a consumer. */
interface Known {
  layer: number | undefined;
  score: Score | undefined;
}

type Received = { -readonly [Name in keyof RemoteTrack]: RemoteTrack[Name] };

// A consumer's description is about 2 KiB: a reply of this many stays far below the send queue's
// bound, and the first pictures do not wait for the description of the last.
const BATCH = 16;
const CONSUME_TIMEOUT_MS = 30_000;
// More than there can be consumers of one peer.
const MOST_KNOWN = 1024;

const GONE: ReadonlySet<ErrorCode> = new Set(["CONSUME_ERROR", "NOT_FOUND"]);

/** Receives the producers that it is told to want, and nothing else. */
export class Subscriber {
  readonly #link: Link;
  readonly #events: SubscriberEvents;
  readonly #subscriptions = new Map<string, Subscription>();
  /** Received, or on the way. */
  readonly #asked = new Set<string>();
  /** On the way: neither asked for again nor given up before the answer is here. */
  readonly #pending = new Set<string>();
  /** By consumer, also of those that are on the way. */
  readonly #known = new Map<string, Known>();
  #wanted: ReadonlyMap<string, Want> = new Map();
  #transport: Promise<Transport> | undefined;
  #closed = false;

  constructor(link: Link, events: SubscriberEvents) {
    this.#link = link;
    this.#events = events;
  }

  /** Creates the transport ahead of the first producer. */
  prepare(): void {
    this.#ready().catch((error: unknown) => this.#fail(error));
  }

  /** States which producers are to be received from here on, and how. */
  want(wanted: ReadonlyMap<string, Want>): void {
    if (this.#closed) return;
    this.#wanted = wanted;
    for (const producerId of [...this.#asked]) {
      if (!wanted.has(producerId) && !this.#pending.has(producerId)) this.#drop(producerId);
    }
    for (const [producerId, subscription] of this.#subscriptions) {
      const want = wanted.get(producerId);
      if (want) agree(subscription, want);
    }
    const fresh = [...wanted.keys()].filter((producerId) => !this.#asked.has(producerId));
    for (let start = 0; start < fresh.length; start += BATCH) {
      this.#ask(fresh.slice(start, start + BATCH));
    }
  }

  /** The server has closed a consumer. */
  consumerClosed(consumerId: string): void {
    for (const [producerId, { consumer }] of this.#subscriptions) {
      if (consumer.id === consumerId) this.#drop(producerId);
    }
  }

  /** The server has these consumers and no others. */
  keep(consumerIds: ReadonlySet<string>): void {
    for (const [producerId, { consumer }] of this.#subscriptions) {
      if (!consumerIds.has(consumer.id)) this.#drop(producerId);
    }
  }

  /** The server says which layer of a consumer it forwards; undefined: none. */
  layerChanged(consumerId: string, layer: number | undefined): void {
    if (this.#closed) return;
    this.#know(consumerId, { layer });
    const remote = this.#remote(consumerId);
    if (!remote || remote.layer === layer) return;
    remote.layer = layer;
    this.#events.onLayer(remote);
  }

  /** The server says how well a consumer gets its stream. */
  scoreChanged(consumerId: string, score: Score): void {
    if (this.#closed) return;
    this.#know(consumerId, { score });
    const remote = this.#remote(consumerId);
    if (!remote) return;
    remote.score = score;
    this.#events.onScore(remote);
  }

  /** The server's name of what is received of a producer; undefined while nothing is. */
  consumerOf(producerId: string): string | undefined {
    return this.#subscriptions.get(producerId)?.consumer.id;
  }

  close(): void {
    this.#closed = true;
    for (const producerId of [...this.#subscriptions.keys()]) this.#drop(producerId);
    this.#transport?.then(
      (transport) => transport.close(),
      () => {},
    );
  }

  #know(consumerId: string, word: Partial<Known>): void {
    const known = this.#known.get(consumerId) ?? { layer: undefined, score: undefined };
    this.#known.delete(consumerId);
    this.#known.set(consumerId, { ...known, ...word });
    const [oldest] = this.#known.keys();
    if (this.#known.size > MOST_KNOWN && oldest) this.#known.delete(oldest);
  }

  #remote(consumerId: string): Received | undefined {
    for (const { consumer, remote } of this.#subscriptions.values()) {
      if (consumer.id === consumerId) return remote;
    }
    return undefined;
  }

  #ask(producerIds: readonly string[]): void {
    for (const producerId of producerIds) {
      this.#asked.add(producerId);
      this.#pending.add(producerId);
    }
    this.#consume([...producerIds])
      .catch((error: unknown) => this.#fail(error))
      .finally(() => producerIds.forEach(this.#settle));
  }

  #fail(error: unknown): void {
    if (!this.#closed) this.#events.onFailed(error);
  }

  #ready(): Promise<Transport> {
    this.#transport ??= createTransport(this.#link, "recv");
    return this.#transport;
  }

  async #consume(producerIds: string[]): Promise<void> {
    const transport = await this.#ready();
    const { recvRtpCapabilities } = await this.#link.device;
    const { consumers } = await ask(this.#link, "consume", {
      producerIds,
      transportId: transport.id,
      rtpCapabilities: recvRtpCapabilities,
      // Started with `consumer:resume` once the browser knows the stream: it would discard a key
      // frame that comes before, and wait for the next. The layer is told in between, so that a
      // small picture never begins with the largest.
      paused: true,
    });
    await Promise.all(consumers.map((created) => this.#add(transport, created)));
  }

  async #add(transport: Transport, created: ConsumerCreated | ConsumeFailure): Promise<void> {
    // A single producer may be gone by the time it is asked for; its `producer:closed` follows.
    if ("error" in created) return;
    const consuming = transport.consume({
      id: created.consumerId,
      producerId: created.producerId,
      kind: created.kind,
      rtpParameters: created.rtpParameters,
      // One stream per peer, so that its sound and picture are kept in step.
      streamId: created.peerId,
    });
    const consumer = await within(CONSUME_TIMEOUT_MS, "Receiving", consuming);
    this.#settle(created.producerId);
    const want = this.#wanted.get(created.producerId);
    if (this.#closed || !want) {
      consumer.close();
      return;
    }
    const remote = this.#remoteOf(created, consumer);
    const subscription = this.#subscriptionOf(consumer, remote);
    this.#subscriptions.set(created.producerId, subscription);
    this.#events.onTrack(remote);
    agree(subscription, this.#wanted.get(created.producerId) ?? want);
  }

  #remoteOf(created: ConsumerCreated, consumer: Consumer): Received {
    const mode = created.rtpParameters.encodings?.[0]?.scalabilityMode;
    return {
      peerId: created.peerId,
      producerId: created.producerId,
      source: sourceOf(created),
      kind: created.kind,
      track: consumer.track,
      receiver: consumer.rtpReceiver,
      layers: created.type === "simulcast" ? parseScalabilityMode(mode).spatialLayers : 1,
      layer: this.#known.get(created.consumerId)?.layer,
      score: this.#known.get(created.consumerId)?.score,
    };
  }

  #subscriptionOf(consumer: Consumer, remote: Received): Subscription {
    const consumerId = consumer.id;
    return {
      consumer,
      remote,
      layer: new Agreement(
        // The best there is, which the server forwards unasked.
        remote.layers - 1,
        (spatialLayer) => ask(this.#link, "consumer:set-layers", { consumerId, spatialLayer }),
        // Another layer than the one wished still shows the peer; it is not worth the call.
        () => {},
      ),
      paused: new Agreement(
        true,
        (paused) => ask(this.#link, paused ? "consumer:pause" : "consumer:resume", { consumerId }),
        (error, paused) => {
          // Closed in the meantime: its `consumer:closed` is on the way or was here.
          const gone = error instanceof CallError && GONE.has(error.code);
          if (!paused && !gone && !consumer.closed) this.#fail(error);
        },
      ),
    };
  }

  /** The answer is here: what was given up meanwhile may be asked for again. */
  readonly #settle = (producerId: string): void => {
    if (this.#pending.delete(producerId) && !this.#wanted.has(producerId)) {
      this.#asked.delete(producerId);
    }
  };

  #drop(producerId: string): void {
    this.#asked.delete(producerId);
    const subscription = this.#subscriptions.get(producerId);
    if (!subscription) return;
    this.#subscriptions.delete(producerId);
    this.#known.delete(subscription.consumer.id);
    subscription.layer.close();
    subscription.paused.close();
    subscription.consumer.close();
    this.#events.onTrackGone(subscription.remote);
  }
}

// The server carries a session's requests out in their order: the layer is set before a resuming.
function agree({ remote, layer, paused }: Subscription, want: Want): void {
  layer.wish(clamp(want.layer, remote.layers));
  paused.wish(want.paused);
}

function clamp(layer: number, layers: number): number {
  return Math.max(0, Math.min(layer, layers - 1));
}

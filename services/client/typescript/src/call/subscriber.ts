import type { Consumer, MediaKind, Transport } from "mediasoup-client/types";
import { type ErrorCode, SignalingError } from "../signaling/error.js";
import type { ConsumeFailure, ConsumerCreated } from "../signaling/message.js";
import { createTransport, type Link } from "./transport.js";

/** A track of another peer. */
export interface RemoteTrack {
  peerId: string;
  producerId: string;
  kind: MediaKind;
  track: MediaStreamTrack;
  /** Absent in environments without WebRTC. */
  receiver: RTCRtpReceiver | undefined;
}

export interface SubscriberEvents {
  onTrack: (track: RemoteTrack) => void;
  onTrackGone: (track: RemoteTrack) => void;
  /** Receiving does not work at all; a single producer's failure is not reported here. */
  onFailed: (error: unknown) => void;
}

interface Subscription {
  consumer: Consumer;
  remote: RemoteTrack;
}

// A consumer's description is about 2 KiB: a reply of this many stays far below the send queue's
// bound, and the first pictures do not wait for the description of the last.
const BATCH = 16;

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
  #wanted: ReadonlySet<string> = new Set();
  #transport: Promise<Transport> | undefined;
  #closed = false;

  constructor(link: Link, events: SubscriberEvents) {
    this.#link = link;
    this.#events = events;
  }

  /** Creates the transport ahead of the first producer. */
  prepare(): void {
    this.#ready().catch(this.#events.onFailed);
  }

  /** States which producers are to be received from here on. */
  want(producerIds: readonly string[]): void {
    if (this.#closed) return;
    this.#wanted = new Set(producerIds);
    for (const producerId of [...this.#asked]) {
      if (!this.#wanted.has(producerId) && !this.#pending.has(producerId)) this.#drop(producerId);
    }
    const fresh = producerIds.filter((producerId) => !this.#asked.has(producerId));
    for (const producerId of fresh) {
      this.#asked.add(producerId);
      this.#pending.add(producerId);
    }
    for (let start = 0; start < fresh.length; start += BATCH) {
      const batch = fresh.slice(start, start + BATCH);
      this.#consume(batch)
        .catch((error: unknown) => {
          if (!this.#closed) this.#events.onFailed(error);
        })
        .finally(() => batch.forEach(this.#settle));
    }
  }

  /** The server has closed a consumer. */
  consumerClosed(consumerId: string): void {
    for (const [producerId, { consumer }] of this.#subscriptions) {
      if (consumer.id === consumerId) this.#drop(producerId);
    }
  }

  close(): void {
    this.#closed = true;
    for (const producerId of [...this.#subscriptions.keys()]) this.#drop(producerId);
    this.#transport?.then(
      (transport) => transport.close(),
      () => {},
    );
  }

  #ready(): Promise<Transport> {
    this.#transport ??= createTransport(this.#link, "recv");
    return this.#transport;
  }

  async #consume(producerIds: string[]): Promise<void> {
    const transport = await this.#ready();
    const { recvRtpCapabilities } = await this.#link.device;
    const { consumers } = await this.#link.client.request("consume", {
      producerIds,
      transportId: transport.id,
      rtpCapabilities: recvRtpCapabilities,
      // Started with `consumer:resume` once the browser knows the stream: it would discard a key
      // frame that comes before, and wait for the next.
      paused: true,
    });
    await Promise.all(consumers.map((created) => this.#add(transport, created)));
  }

  async #add(transport: Transport, created: ConsumerCreated | ConsumeFailure): Promise<void> {
    // A single producer may be gone by the time it is asked for; its `producer:closed` follows.
    if ("error" in created) return;
    const consumer = await transport.consume({
      id: created.consumerId,
      producerId: created.producerId,
      kind: created.kind,
      rtpParameters: created.rtpParameters,
      // One stream per peer, so that its sound and picture are kept in step.
      streamId: created.peerId,
    });
    this.#settle(created.producerId);
    if (this.#closed || !this.#wanted.has(created.producerId)) {
      consumer.close();
      return;
    }
    const { peerId, producerId, kind } = created;
    const receiver = consumer.rtpReceiver;
    const remote: RemoteTrack = { peerId, producerId, kind, track: consumer.track, receiver };
    this.#subscriptions.set(producerId, { consumer, remote });
    this.#events.onTrack(remote);
    await this.#resume(consumer);
  }

  async #resume(consumer: Consumer): Promise<void> {
    try {
      await this.#link.client.request("consumer:resume", { consumerId: consumer.id });
    } catch (error) {
      // Closed in the meantime: its `consumer:closed` is on the way or was here.
      const gone = error instanceof SignalingError && GONE.has(error.code);
      if (!gone && !consumer.closed && !this.#closed) throw error;
    }
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
    subscription.consumer.close();
    this.#events.onTrackGone(subscription.remote);
  }
}

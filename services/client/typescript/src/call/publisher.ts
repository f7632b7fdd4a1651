import type { AppData, Producer, Transport } from "mediasoup-client/types";
import { isOfConnection } from "../signaling/ending.js";
import { CallError } from "../signaling/error.js";
import type { LayerScore } from "../signaling/message.js";
import { Agreement } from "./agreement.js";
import { encodingOf } from "./encoding.js";
import { ask, within } from "./patience.js";
import type { LocalPublication, Sending } from "./publication.js";
import { createTransport, type Link } from "./transport.js";

/** Sends this peer's publications in one session, over one transport. */
export class Publisher {
  readonly #link: Link;
  readonly #onFailed: (error: CallError) => void;
  readonly #senders = new Map<Sender, LocalPublication>();
  readonly #senderByAppData = new WeakMap<AppData, Sender>();
  /** Producers that a moderator holds, also those whose making is not complete. */
  readonly #muted = new Set<string>();
  /** How many layers of a producer are needed, as last told; as above. */
  readonly #needed = new Map<string, number>();
  readonly #sendAllLayers: boolean;
  #transport: Promise<Transport> | undefined;
  #closed = false;

  /**
   * `sendAllLayers`: also those that nobody needs. `onFailed` is told what keeps everything from being
   * sent; what concerns one, the publication.
   */
  constructor(link: Link, sendAllLayers: boolean, onFailed: (error: CallError) => void) {
    this.#link = link;
    this.#sendAllLayers = sendAllLayers;
    this.#onFailed = onFailed;
  }

  publish(publication: LocalPublication): void {
    if (this.#closed || publication.state === "ended") return;
    const sender = new Sender(this.#link, publication);
    for (const other of this.#senders.keys()) {
      if (!other.closed) continue;
      this.#senders.delete(other);
      this.#needed.delete(other.producerId ?? "");
    }
    this.#senders.set(sender, publication);
    this.#senderByAppData.set(sender.appData, sender);
    publication.attach(sender);
    this.#start(sender, publication).catch((thrown: unknown) => {
      const error = CallError.from(thrown);
      if (this.#closed || sender.closed) return;
      if (isOfConnection(error)) {
        this.#onFailed(error);
        return;
      }
      publication.fail(sender, error);
      sender.close();
    });
  }

  /** What the server says of a producer, of this peer or of another. */
  producerChanged(producerId: string, paused: boolean, muted: boolean): void {
    if (muted) this.#muted.add(producerId);
    else this.#muted.delete(producerId);
    for (const [sender, publication] of this.#senders) {
      if (sender.producerId !== producerId) continue;
      const wasMuted = publication.muted;
      publication.setMuted(sender, muted);
      // To resume was refused while the moderator held it, and is asked again.
      if (wasMuted && !muted && paused && !publication.paused) sender.resumeAgain();
    }
  }

  /** How many layers of a producer are needed, from the lowest. */
  layersNeeded(producerId: string, count: number): void {
    this.#needed.set(producerId, count);
    for (const [sender, publication] of this.#senders) {
      if (sender.producerId === producerId) this.#heedNeed(sender, publication);
    }
  }

  /** The server says how well a producer of this peer arrives. */
  scoresChanged(producerId: string, scores: readonly LayerScore[]): void {
    for (const [sender, publication] of this.#senders) {
      if (sender.producerId === producerId) publication.setScores(sender, scores);
    }
  }

  close(): void {
    this.#closed = true;
    this.#transport?.then(
      (transport) => transport.close(),
      () => {},
    );
    for (const [sender, publication] of this.#senders) {
      sender.abandon();
      publication.detach(sender);
    }
    this.#senders.clear();
  }

  async #start(sender: Sender, publication: LocalPublication): Promise<void> {
    const transport = await this.#ready();
    await sender.start(transport);
    if (sender.closed) return;
    publication.succeed(sender);
    publication.setMuted(sender, this.#muted.has(sender.producerId ?? ""));
    this.#heedNeed(sender, publication);
  }

  #heedNeed(sender: Sender, publication: LocalPublication): void {
    const needed = this.#needed.get(sender.producerId ?? "");
    if (needed === undefined) return;
    publication.setNeededLayers(sender, needed);
    if (!this.#sendAllLayers) sender.sendLayers(needed);
  }

  #ready(): Promise<Transport> {
    if (!this.#transport) {
      const transport = this.#create();
      this.#transport = transport;
      // A refusal that ends one publication does not keep the next from trying.
      transport.catch(() => {
        if (this.#transport === transport) this.#transport = undefined;
      });
    }
    return this.#transport;
  }

  async #create(): Promise<Transport> {
    const transport = await createTransport(this.#link, "send");
    transport.on("produce", ({ kind, rtpParameters, appData }, done, failed) => {
      const sender = this.#senderByAppData.get(appData);
      if (!sender || sender.closed) {
        failed(new CallError("TRACK", "PUBLICATION_ENDED", "The publication has ended."));
        return;
      }
      const paused = sender.announcePaused();
      ask(this.#link, "produce", {
        kind,
        rtpParameters,
        transportId: transport.id,
        appData,
        ...(paused && { paused }),
      }).then(({ producerId, muted }) => {
        if (muted) this.#muted.add(producerId);
        done({ id: producerId });
      }, failed);
    });
    if (this.#closed) transport.close();
    return transport;
  }
}

// Of mediasoup-client's steps, several of which may wait for each other and for the server.
const PRODUCE_TIMEOUT_MS = 30_000;
const REPLACE_TIMEOUT_MS = 10_000;
const LAYERS_TIMEOUT_MS = 10_000;

/** One producer. What is wished while it is being made is done when it is there. */
class Sender implements Sending {
  readonly appData: AppData;
  readonly #link: Link;
  readonly #publication: LocalPublication;
  #paused: Agreement<boolean> | undefined;
  #announced = false;
  #layers: Agreement<number> | undefined;
  #producer: Producer | undefined;
  #closed = false;

  constructor(link: Link, publication: LocalPublication) {
    this.#link = link;
    this.#publication = publication;
    this.appData = { source: publication.source };
  }

  get producerId(): string | undefined {
    return this.#producer?.id;
  }

  get closed(): boolean {
    return this.#closed;
  }

  async start(transport: Transport): Promise<void> {
    const { track, source } = this.#publication;
    const producing = transport.produce({
      track,
      ...encodingOf(source),
      appData: this.appData,
      // The page owns the tracks: they outlive a session, and their preview goes on while paused.
      stopTracks: false,
      disableTrackOnPause: false,
      zeroRtpOnPause: true,
    });
    const producer = await within(PRODUCE_TIMEOUT_MS, "Publishing", producing);
    this.#producer = producer;
    if (this.#closed) {
      this.#end(producer);
      return;
    }
    this.#paused = this.#agreement(producer, this.#announced);
    this.#layers = layersOf(producer);
    this.setPaused(this.#publication.paused);
    if (this.#publication.track !== track) await this.replaceTrack(this.#publication.track);
  }

  /** What `produce` is to say about being paused. */
  announcePaused(): boolean {
    this.#announced = this.#publication.paused;
    return this.#announced;
  }

  setPaused(paused: boolean): void {
    const producer = this.#producer;
    if (!producer || producer.closed) return;
    if (paused && !producer.paused) producer.pause();
    if (!paused && producer.paused) producer.resume();
    this.#paused?.wish(paused);
  }

  /** The server holds it for paused, and would now take another word. */
  resumeAgain(): void {
    const producer = this.#producer;
    if (!producer || producer.closed) return;
    this.#paused?.close();
    this.#paused = this.#agreement(producer, true);
    this.#paused.wish(false);
  }

  async replaceTrack(track: MediaStreamTrack): Promise<void> {
    const producer = this.#producer;
    if (!producer || producer.closed) return;
    const replacing = producer.replaceTrack({ track });
    await within(REPLACE_TIMEOUT_MS, "Replacing the track", replacing);
  }

  /** Sends so many of the layers, from the lowest. */
  sendLayers(count: number): void {
    this.#layers?.wish(count);
  }

  async getStats(): Promise<RTCStatsReport | undefined> {
    const producer = this.#producer;
    if (!producer || producer.closed) return undefined;
    return within(REPLACE_TIMEOUT_MS, "Reading statistics", producer.getStats());
  }

  /** The publication is over. */
  close(): void {
    if (this.#closed) return;
    this.abandon();
    if (this.#producer) this.#end(this.#producer);
  }

  /** The session is over, and the transport with it. */
  abandon(): void {
    this.#closed = true;
    this.#paused?.close();
    this.#layers?.close();
  }

  #agreement(producer: Producer, told: boolean): Agreement<boolean> {
    return new Agreement(
      told,
      (paused) => this.#tellPaused(producer.id, paused),
      // Nothing is sent while paused, whatever the server believes.
      () => {},
    );
  }

  #end(producer: Producer): void {
    if (producer.closed) return;
    producer.close();
    // What cannot be closed now goes with the session.
    ask(this.#link, "producer:close", { producerId: producer.id }).catch(() => {});
  }

  #tellPaused(producerId: string, paused: boolean): Promise<unknown> {
    return ask(this.#link, paused ? "producer:pause" : "producer:resume", { producerId });
  }
}

/** Brings the browser to send as many layers as are wished for; it begins with all of them. */
function layersOf(producer: Producer): Agreement<number> {
  return new Agreement(
    producer.rtpParameters.encodings?.length ?? 1,
    (count) => within(LAYERS_TIMEOUT_MS, "Switching layers", setLayers(producer, count)),
    (error) => {
      // biome-ignore lint/suspicious/noConsole: more is sent than needed, or less; no page can help it
      console.warn("Layers of a simulcast could not be switched.", error);
    },
  );
}

/**
 * Goes through mediasoup-client, which does one thing after another on a transport. It also says in
 * the answers that it writes which layers are off: else the browser would switch them on with the next
 * answer that it is given. Rejects where the browser does not do it.
 */
async function setLayers(producer: Producer, count: number): Promise<void> {
  await producer.setMaxSpatialLayer(count - 1);
  // mediasoup-client says nothing of a failure.
  const { encodings = [] } = producer.rtpSender?.getParameters() ?? {};
  if (encodings.some(({ active }, layer) => active !== layer < count)) {
    throw new CallError("BROWSER", "LAYERS_NOT_SWITCHED", "The browser did not switch layers.");
  }
}

import type { MediaKind } from "mediasoup-client/types";
import { CallError } from "../signaling/error.js";
import type { LayerScore } from "../signaling/message.js";
import { kindOf, type Source } from "./source.js";
import { type PublicationStatistics, RateMeter } from "./statistics.js";

/**
 * - `waiting`: for the room; is published as soon as the call is in it.
 * - `publishing`: the server is being told.
 * - `live`: the server has it. Whether packets get through says the call's `media.send`.
 * - `failed`: refused; `error` says why. Tried again when the call joins again.
 * - `ended`: over for good, by `close` or because the track ended.
 */
export type PublicationState = "waiting" | "publishing" | "live" | "failed" | "ended";

/** A track that is published for as long as the call lasts, through every rejoining. */
export interface Publication {
  readonly source: Source;
  readonly kind: MediaKind;
  /** Stays the caller's: it is never stopped nor disabled here. */
  readonly track: MediaStreamTrack;
  readonly state: PublicationState;
  /** Why `state` is `failed`; `error.words` can be shown. */
  readonly error: CallError | undefined;
  /** The server's id while `live`; another one after each rejoining. */
  readonly producerId: string | undefined;
  /** What was last asked for: `pause` and `resume` never fail, and hold through every rejoining. */
  readonly paused: boolean;
  /** A moderator holds it: nobody gets it, whatever `paused` says, until the moderator lets go. */
  readonly muted: boolean;
  /**
   * How many of its layers the viewers need, from the lowest; 0: nobody is watching. Undefined: the
   * server has not said, which means all, or there are none.
   */
  readonly neededLayers: number | undefined;
  /**
   * How well each layer arrives at the server, 0 to 10, lowest layer first; empty before it says so.
   * While paused, as it was before.
   */
  readonly scores: readonly LayerScore[];
  /** Stops sending at once, and tells the others. The preview of the track goes on. */
  pause(): void;
  resume(): void;
  /**
   * Sends another track of the same kind in place of this one, which the viewers do not notice but
   * by its content. Resolves when it is sent, or noted for later. Rejects with a CallError, and goes
   * on with the track before: TRACK (`TRACK_ENDED`, `WRONG_KIND`, `PUBLICATION_ENDED`), or BROWSER
   * or TIMEOUT if the browser does not take it.
   */
  replaceTrack(track: MediaStreamTrack): Promise<void>;
  /** Takes it back from the room. The track is not stopped. */
  close(): void;
  /**
   * What is being sent; zeros and no layers while nothing is. Rates are since the reading before, so
   * have one reader per publication. Never rejects.
   */
  stats(): Promise<PublicationStatistics>;
}

/** A publication within one session. */
export interface Sending {
  readonly producerId: string | undefined;
  setPaused(paused: boolean): void;
  replaceTrack(track: MediaStreamTrack): Promise<void>;
  getStats(): Promise<RTCStatsReport | undefined>;
  close(): void;
}

export class LocalPublication implements Publication {
  readonly source: Source;
  readonly kind: MediaKind;
  readonly #onChange: (publication: LocalPublication) => void;
  readonly #meter = new RateMeter();
  // While the call joins again, the session before still sends.
  readonly #sendings = new Set<Sending>();
  #current: Sending | undefined;
  #track: MediaStreamTrack;
  #state: PublicationState = "waiting";
  #error: CallError | undefined;
  #paused = false;
  #muted = false;
  #neededLayers: number | undefined;
  #scores: readonly LayerScore[] = [];

  /** Throws a CallError of code TRACK: `TRACK_ENDED` or `WRONG_KIND`. */
  constructor(
    track: MediaStreamTrack,
    source: Source,
    onChange: (publication: LocalPublication) => void,
  ) {
    this.source = source;
    this.kind = kindOf(source);
    this.#onChange = onChange;
    this.#check(track);
    this.#track = track;
    track.addEventListener("ended", this.#onTrackEnded);
  }

  get track(): MediaStreamTrack {
    return this.#track;
  }

  get state(): PublicationState {
    return this.#state;
  }

  get error(): CallError | undefined {
    return this.#error;
  }

  get producerId(): string | undefined {
    return this.#state === "live" ? this.#current?.producerId : undefined;
  }

  get paused(): boolean {
    return this.#paused;
  }

  get muted(): boolean {
    return this.#muted;
  }

  get neededLayers(): number | undefined {
    return this.#neededLayers;
  }

  get scores(): readonly LayerScore[] {
    return this.#scores;
  }

  pause(): void {
    this.#setPaused(true);
  }

  resume(): void {
    this.#setPaused(false);
  }

  async replaceTrack(track: MediaStreamTrack): Promise<void> {
    this.#check(track);
    const before = this.#track;
    if (track === before) return;
    this.#take(track);
    try {
      await Promise.all([...this.#sendings].map((sending) => sending.replaceTrack(track)));
    } catch (error) {
      if (this.#track === track && this.#state !== "ended") this.#take(before);
      throw CallError.from(error);
    }
  }

  close(): void {
    this.#become("ended");
  }

  async stats(): Promise<PublicationStatistics> {
    const report = await this.#current?.getStats().catch(() => undefined);
    return this.#meter.read(this.kind, report);
  }

  /** A session begins to send this. */
  attach(sending: Sending): void {
    this.#sendings.add(sending);
    this.#current = sending;
    // The next session's server says so anew.
    this.#muted = false;
    this.#neededLayers = undefined;
    this.#scores = [];
    this.#become("publishing");
  }

  /** A session's transport is gone. */
  detach(sending: Sending): void {
    this.#sendings.delete(sending);
    if (this.#current === sending) this.wait();
  }

  /** The session that sends this has lost its connection; another one will follow. */
  wait(): void {
    this.#current = undefined;
    this.#become("waiting");
  }

  /** Whether a moderator holds what a session sends. */
  setMuted(sending: Sending, muted: boolean): void {
    if (this.#current !== sending || this.#muted === muted || this.#state === "ended") return;
    this.#muted = muted;
    this.#onChange(this);
  }

  /** How many layers the viewers of what a session sends need. */
  setNeededLayers(sending: Sending, count: number): void {
    if (this.#current !== sending || this.#neededLayers === count) return;
    if (this.#state === "ended") return;
    this.#neededLayers = count;
    this.#onChange(this);
  }

  /** How well what a session sends arrives. */
  setScores(sending: Sending, scores: readonly LayerScore[]): void {
    if (this.#current !== sending || this.#state === "ended") return;
    this.#scores = scores;
    this.#onChange(this);
  }

  succeed(sending: Sending): void {
    if (this.#current === sending) this.#become("live");
  }

  fail(sending: Sending, error: CallError): void {
    this.#sendings.delete(sending);
    if (this.#current !== sending) return;
    // A track may end before its event is dispatched.
    if (this.#track.readyState === "ended") this.#become("ended");
    else this.#become("failed", error);
  }

  #setPaused(paused: boolean): void {
    if (this.#paused === paused || this.#state === "ended") return;
    this.#paused = paused;
    for (const sending of this.#sendings) sending.setPaused(paused);
    this.#onChange(this);
  }

  #check(track: MediaStreamTrack): void {
    const refuse = (reason: string, message: string) => {
      throw new CallError("TRACK", reason, message);
    };
    if (this.#state === "ended") refuse("PUBLICATION_ENDED", "The publication has ended.");
    if (track.kind !== this.kind) refuse("WRONG_KIND", `A ${this.source} is ${this.kind}.`);
    if (track.readyState === "ended") refuse("TRACK_ENDED", "The track has ended.");
  }

  #take(track: MediaStreamTrack): void {
    this.#track.removeEventListener("ended", this.#onTrackEnded);
    this.#track = track;
    track.addEventListener("ended", this.#onTrackEnded);
  }

  readonly #onTrackEnded = (): void => this.close();

  #become(state: PublicationState, error?: CallError): void {
    if (this.#state === "ended" || (this.#state === state && !error)) return;
    this.#state = state;
    this.#error = error;
    if (state === "ended") {
      this.#track.removeEventListener("ended", this.#onTrackEnded);
      for (const sending of this.#sendings) sending.close();
      this.#sendings.clear();
    }
    this.#onChange(this);
  }
}

import type { Call, Publication, Source } from "@invigil/client";

/** One source of this side in the call: at most one publication, whose track may change. */
export class Feed {
  readonly #call: Call;
  readonly #source: Source;
  #publication: Publication | undefined;
  #track: MediaStreamTrack | undefined;
  #paused = false;

  constructor(call: Call, source: Source) {
    this.#call = call;
    this.#source = source;
  }

  get publication(): Publication | undefined {
    return this.#publication?.state === "ended" ? undefined : this.#publication;
  }

  /**
   * Sends this track from here on, or holds it back while `paused`; undefined: publishes nothing.
   * Resolves when the track before is no longer in use. Never rejects.
   */
  async send(track: MediaStreamTrack | undefined, paused = false): Promise<void> {
    this.#track = track;
    this.#paused = paused;
    const publication = this.publication;
    if (!track) publication?.close();
    else if (publication) await this.#change(publication, track);
    else this.#publish(track);
  }

  #publish(track: MediaStreamTrack): void {
    if (track.readyState === "ended") return;
    this.#publication = this.#call.publish(track, { source: this.#source });
    if (this.#paused) this.#publication.pause();
  }

  async #change(publication: Publication, track: MediaStreamTrack): Promise<void> {
    if (this.#paused) publication.pause();
    try {
      await publication.replaceTrack(track);
      if (this.#track === track && !this.#paused) publication.resume();
    } catch {
      // The browser cannot change over: the old publication ends and a new one begins.
      if (this.#track !== track) return;
      publication.close();
      this.#publish(track);
    }
  }
}

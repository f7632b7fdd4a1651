import type { Participant, RemoteTrack } from "@invigil/client";
import { element, say } from "./dom";
import { meterOf, receivedLevel } from "./level";
import { initials, type Picture, tileStatement } from "./words";

// Without a new frame for this long a picture counts as stopped.
const STALLED_AFTER_MS = 3000;

// Per tick, of a full meter.
const METER_FALL = 0.15;

const MICROPHONE_WORDS = {
  on: "Microphone on",
  muted: "Microphone muted",
  none: "No microphone",
} as const;

/** One peer: its picture, its name and how it is. */
export class Tile {
  readonly root: HTMLElement;
  readonly #video: HTMLVideoElement;
  readonly #avatar: HTMLElement;
  readonly #name: HTMLElement;
  readonly #words: HTMLElement;
  readonly #meter: HTMLElement;
  readonly #microphone: HTMLElement;
  readonly #soundButton: HTMLButtonElement;
  readonly #stream = new MediaStream();
  readonly #onBlocked: () => void;
  #participant: Participant;
  #receiver: RTCRtpReceiver | undefined;
  #sound = false;
  #level = 0;
  #picture: Picture = "none";
  #frames = 0;
  #frameAtMs = 0;

  /** `onBlocked` is called when the browser wants a gesture before it plays sound. */
  constructor(participant: Participant, onBlocked: () => void) {
    this.#participant = participant;
    this.#onBlocked = onBlocked;
    this.#video = element("video", { "data-testid": "tile-video", class: "tile-video" });
    this.#video.autoplay = true;
    this.#video.playsInline = true;
    this.#video.muted = true;
    this.#video.srcObject = this.#stream;
    this.#avatar = element("div", { class: "tile-avatar", "aria-hidden": "true" });
    this.#name = element("h2", { class: "tile-name", "data-testid": "tile-name" });
    this.#words = element("p", { class: "tile-words", "data-testid": "tile-words" });
    this.#meter = element("span", { class: "meter-fill" });
    const meter = element("span", { class: "meter", "aria-hidden": "true" }, this.#meter);
    this.#microphone = element("span", { class: "icon tile-microphone", role: "img" });
    this.#soundButton = element("button", {
      type: "button",
      class: "icon-button",
      "data-testid": "tile-sound",
    });
    this.#soundButton.append(element("span", { class: "icon", "aria-hidden": "true" }));
    const picture = element("div", { class: "tile-picture" }, this.#avatar, this.#video);
    const caption = element("div", { class: "tile-caption" }, this.#name, this.#words);
    const sound = element("div", { class: "tile-sound" }, this.#microphone, meter);
    const footer = element("footer", { class: "tile-footer" }, caption, sound, this.#soundButton);
    this.root = element("article", { class: "tile", "data-testid": "tile" }, picture, footer);
    this.root.dataset.peerId = participant.peerId;
    const toggle = () => this.setSound(!this.#sound);
    this.#soundButton.addEventListener("click", toggle);
    picture.addEventListener("click", toggle);
    this.setSound(false);
    this.#render();
  }

  update(participant: Participant): void {
    this.#participant = participant;
    this.#render();
  }

  add({ kind, track, receiver }: RemoteTrack): void {
    for (const old of this.#stream.getTracks()) {
      if (old.kind === kind) this.#stream.removeTrack(old);
    }
    this.#stream.addTrack(track);
    if (kind === "audio") this.#receiver = receiver;
    this.#play();
  }

  remove({ kind, track }: RemoteTrack): void {
    this.#stream.removeTrack(track);
    if (this.#stream.getTracks().some((other) => other.kind === kind)) return;
    if (kind === "audio") this.#receiver = undefined;
    else this.#picture = "none";
    this.#render();
  }

  setSound(on: boolean): void {
    this.#sound = on;
    this.#video.muted = !on;
    this.root.dataset.sound = on ? "on" : "off";
    this.#soundButton.setAttribute("aria-pressed", String(on));
    this.#labelSound();
    this.#play();
  }

  /** Reads the meters; called some times a second. */
  tick(nowMs: number): void {
    const level = meterOf(receivedLevel(this.#receiver));
    // Falls slowly: what is read is one instant, and speech has gaps.
    this.#level = Math.max(level, this.#level - METER_FALL);
    this.#meter.style.setProperty("--level", this.#level.toFixed(2));
    const picture = this.#watch(nowMs);
    if (picture === this.#picture) return;
    this.#picture = picture;
    this.#render();
  }

  close(): void {
    this.#video.srcObject = null;
  }

  #watch(nowMs: number): Picture {
    const frames = this.#video.getVideoPlaybackQuality().totalVideoFrames;
    const advanced = frames !== this.#frames && this.#stream.getVideoTracks().length > 0;
    this.#frames = frames;
    // Hidden pages present no frames, which says nothing about the sender.
    if (advanced || document.hidden) this.#frameAtMs = nowMs;
    if (advanced) return "playing";
    const stalled = this.#picture === "playing" && nowMs - this.#frameAtMs > STALLED_AFTER_MS;
    return stalled ? "stalled" : this.#picture;
  }

  #play(): void {
    if (this.#stream.getTracks().length === 0) return;
    this.#video.play().catch((error: unknown) => {
      const blocked = error instanceof DOMException && error.name === "NotAllowedError";
      if (!blocked || this.#video.muted) return;
      this.setSound(false);
      this.#onBlocked();
    });
  }

  #labelSound(): void {
    const { displayName } = this.#participant;
    this.#soundButton.setAttribute("aria-label", `Listen to ${displayName}`);
    this.#soundButton.title = this.#sound ? `Mute ${displayName}` : `Listen to ${displayName}`;
  }

  #render(): void {
    const { displayName } = this.#participant;
    const { connection, microphone, tone, words } = tileStatement(this.#participant, this.#picture);
    this.root.dataset.connection = connection;
    this.root.dataset.picture = this.#picture;
    this.root.dataset.microphone = microphone;
    this.root.dataset.tone = tone;
    this.root.setAttribute("aria-label", displayName);
    this.#microphone.setAttribute("aria-label", MICROPHONE_WORDS[microphone]);
    this.#microphone.title = MICROPHONE_WORDS[microphone];
    this.#name.title = displayName;
    say(this.#name, displayName);
    say(this.#words, words);
    say(this.#avatar, initials(displayName));
    this.#labelSound();
  }
}

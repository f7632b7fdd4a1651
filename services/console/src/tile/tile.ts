import type { Participant, RemoteTrack, Source } from "@invigil/client";
import { meterOf, receivedLevel } from "../capture/level";
import { element, icon, say, setSwitch } from "../page/dom";
import { hueOf, initials, type Picture, type TileStatement, tileStatement } from "../words/tile";

// Without a new frame for this long a picture counts as stopped.
const STALLED_AFTER_MS = 3000;

// Per tick, of a full meter.
const METER_FALL = 0.15;

const MUTED_BY_PROCTOR = "Muted by a proctor";

const MICROPHONE_WORDS = {
  on: "Microphone on",
  muted: "Microphone muted",
  none: "No microphone",
} as const;

const isOfScreen = (source: Source): boolean => source === "screen" || source === "screen-audio";

export interface TileEvents {
  /** The browser wants a gesture before it plays sound. */
  onBlocked: () => void;
  /** What is said of the peer has changed. */
  onChange?: () => void;
  /** A press on the picture; without it the picture is no button. */
  onOpen?: () => void;
  /** The button for everything else was pressed; without it there is none. */
  onMore?: (anchor: HTMLElement) => void;
}

/** One peer: its pictures, its name and how it is. */
export class Tile {
  readonly root: HTMLElement;
  /** Camera and microphone. */
  readonly stream = new MediaStream();
  /** Screen and its sound. */
  readonly screenStream = new MediaStream();
  readonly #events: TileEvents;
  readonly #video: HTMLVideoElement;
  readonly #screen: HTMLVideoElement;
  readonly #avatar = element("div", { class: "tile-avatar", "aria-hidden": "true" });
  readonly #name = element("h2", { class: "tile-name", "data-testid": "tile-name" });
  readonly #words = element("p", { class: "tile-words", "data-testid": "tile-words" });
  readonly #meter = element("span", { class: "meter-fill" });
  readonly #microphone = element("span", { class: "icon tile-microphone", role: "img" });
  readonly #open: HTMLButtonElement | undefined;
  readonly #more: HTMLButtonElement | undefined;
  readonly #soundButton = element(
    "button",
    { type: "button", class: "icon-button tile-sound", "data-testid": "tile-sound" },
    icon("sound"),
  );
  #participant: Participant;
  #statement: TileStatement;
  #receiver: RTCRtpReceiver | undefined;
  #sound = false;
  #level = 0;
  #speaking = false;
  #picture: Picture = "none";
  #isAwaitingFrame = false;
  #hasNewFrame = false;
  #frameAtMs = 0;
  #inView = true;

  constructor(participant: Participant, events: TileEvents) {
    this.#participant = participant;
    this.#events = events;
    this.#statement = tileStatement(participant, "none");
    this.#video = videoOf("tile-video", this.stream);
    this.#screen = videoOf("tile-screen", this.screenStream);
    this.#more = events.onMore && moreButton(events.onMore);
    this.root = this.#assemble(events.onOpen !== undefined);
    this.#open = this.root.querySelector<HTMLButtonElement>(".tile-open") ?? undefined;
    this.root.dataset.peerId = participant.peerId;
    if (events.onOpen) this.#open?.addEventListener("click", events.onOpen);
    this.#soundButton.addEventListener("click", () => this.setSound(!this.#sound));
    this.setSound(false);
    this.#render();
  }

  get participant(): Participant {
    return this.#participant;
  }

  get statement(): TileStatement {
    return this.#statement;
  }

  get picture(): Picture {
    return this.#picture;
  }

  get sound(): boolean {
    return this.#sound;
  }

  get speaking(): boolean {
    return this.#speaking;
  }

  /** Loudness for a meter, from 0 to 1. */
  get level(): number {
    return this.#level;
  }

  update(participant: Participant): void {
    this.#participant = participant;
    this.#render();
  }

  add({ kind, track, receiver, source }: RemoteTrack): void {
    const stream = isOfScreen(source) ? this.screenStream : this.stream;
    for (const old of stream.getTracks()) {
      if (old.kind === kind) stream.removeTrack(old);
    }
    stream.addTrack(track);
    if (source === "microphone") this.#receiver = receiver;
    if (kind === "video" && stream === this.stream) this.#hasNewFrame = false;
    this.#play(stream === this.stream ? this.#video : this.#screen);
  }

  remove({ kind, track, source }: RemoteTrack): void {
    const stream = isOfScreen(source) ? this.screenStream : this.stream;
    stream.removeTrack(track);
    if (stream.getTracks().some((other) => other.kind === kind)) return;
    if (source === "microphone") this.#receiver = undefined;
    if (source === "camera") this.#picture = "none";
    this.#render();
  }

  setLayer({ source, layer }: RemoteTrack): void {
    if (source === "camera" && layer !== undefined) this.root.dataset.layer = String(layer);
  }

  /** The server hears it speak, whether or not it is received here. */
  setSpeaking(speaking: boolean): void {
    if (speaking === this.#speaking) return;
    this.#speaking = speaking;
    this.root.dataset.speaking = String(speaking);
    this.#events.onChange?.();
  }

  setSound(on: boolean): void {
    this.#sound = on;
    this.#video.muted = !on;
    this.#screen.muted = !on;
    this.root.dataset.sound = on ? "on" : "off";
    this.#labelSound();
    this.#play(this.#video);
    this.#play(this.#screen);
    this.#events.onChange?.();
  }

  /** Where the sound goes: an id of a device; "" is the browser's choice. */
  setSpeaker(deviceId: string): void {
    for (const video of [this.#video, this.#screen]) {
      // A device that is gone leaves the sound where it was.
      void video.setSinkId?.(deviceId).catch(() => {});
    }
  }

  /** Out of view nothing is sent for it, which is no fault of the sender. */
  setInView(inView: boolean): void {
    this.#inView = inView;
  }

  /** Whether the tile is the one that the tabulator key leads to. */
  setReachable(reachable: boolean): void {
    const index = reachable ? 0 : -1;
    if (this.#open) this.#open.tabIndex = index;
    this.#soundButton.tabIndex = index;
    if (this.#more) this.#more.tabIndex = index;
  }

  setEnlarged(enlarged: boolean): void {
    this.root.dataset.enlarged = String(enlarged);
    this.#open?.setAttribute("aria-pressed", String(enlarged));
  }

  focus(): void {
    this.#open?.focus();
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
    this.#screen.srcObject = null;
  }

  #assemble(isButton: boolean): HTMLElement {
    const picture = element("div", { class: "tile-picture" });
    picture.append(this.#avatar, this.#video, this.#screen, this.#words);
    if (isButton) {
      const open = { type: "button", class: "tile-open", "data-testid": "tile-open" };
      picture.append(element("button", open));
    }
    const meter = element("span", { class: "meter", "aria-hidden": "true" }, this.#meter);
    const screen = element("span", { class: "icon tile-shares", role: "img" });
    screen.setAttribute("aria-label", "Shares a screen");
    const bar = element("div", { class: "tile-bar" });
    bar.append(this.#microphone, this.#name, meter, screen);
    const hand = element("span", { class: "tile-hand", "aria-hidden": "true" }, icon("hand"));
    const tile = element("li", { class: "tile", "data-testid": "tile" }, picture, hand, bar);
    if (this.#more) tile.append(this.#more);
    tile.append(this.#soundButton);
    return tile;
  }

  #watch(nowMs: number): Picture {
    const advanced = this.#hasNewFrame && this.#hasPicture();
    this.#hasNewFrame = false;
    this.#awaitFrame();
    // Hidden pages present no frames, which says nothing about the sender.
    const unknown = document.hidden || !this.#inView;
    if (advanced || unknown) this.#frameAtMs = nowMs;
    if (advanced) return "playing";
    const stalled = this.#picture === "playing" && nowMs - this.#frameAtMs > STALLED_AFTER_MS;
    return stalled ? "stalled" : this.#picture;
  }

  // Not by getVideoPlaybackQuality: for a MediaStream Firefox says 0 frames there for ever.
  #awaitFrame(): void {
    if (this.#isAwaitingFrame) return;
    this.#isAwaitingFrame = true;
    this.#video.requestVideoFrameCallback(() => {
      this.#isAwaitingFrame = false;
      this.#hasNewFrame = true;
    });
  }

  #hasPicture(): boolean {
    return this.stream.getVideoTracks().length > 0;
  }

  #play(video: HTMLVideoElement): void {
    if (!(video.srcObject instanceof MediaStream)) return;
    if (video.srcObject.getTracks().length === 0) return;
    video.play().catch((error: unknown) => {
      const blocked = error instanceof DOMException && error.name === "NotAllowedError";
      if (!blocked || video.muted) return;
      this.setSound(false);
      this.#events.onBlocked();
    });
  }

  #labelSound(): void {
    const { displayName } = this.#participant;
    const words = this.#sound ? `Mute ${displayName}` : `Listen to ${displayName}`;
    setSwitch(this.#soundButton, this.#sound, words);
  }

  #render(): void {
    const { displayName } = this.#participant;
    const statement = tileStatement(this.#participant, this.#picture);
    const { connection, microphone, screen, hand, tone, words } = statement;
    const said = hand === "up" ? `${words}, hand raised` : words;
    this.#statement = statement;
    Object.assign(this.root.dataset, { connection, microphone, screen, hand, tone });
    this.root.dataset.picture = this.#picture;
    this.root.setAttribute("aria-label", `${displayName}: ${said}`);
    this.#open?.setAttribute("aria-label", `Enlarge ${displayName}, ${said}`);
    const sound = this.#participant.muted ? MUTED_BY_PROCTOR : MICROPHONE_WORDS[microphone];
    this.root.dataset.muted = String(this.#participant.muted ?? false);
    this.#microphone.setAttribute("aria-label", sound);
    this.#microphone.title = sound;
    this.#more?.setAttribute("aria-label", `More for ${displayName}`);
    this.#name.title = displayName;
    this.#avatar.dataset.hue = String(hueOf(displayName));
    say(this.#name, displayName);
    say(this.#words, words);
    say(this.#avatar, initials(displayName));
    this.#labelSound();
    this.#events.onChange?.();
  }
}

function moreButton(onMore: (anchor: HTMLElement) => void): HTMLButtonElement {
  const button = element(
    "button",
    {
      ...{ type: "button", class: "icon-button tile-more", "data-testid": "tile-more" },
      ...{ "aria-haspopup": "menu", "aria-expanded": "false", title: "More" },
    },
    icon("more"),
  );
  button.addEventListener("click", () => onMore(button));
  return button;
}

function videoOf(name: string, stream: MediaStream): HTMLVideoElement {
  const video = element("video", { "data-testid": name, class: name });
  video.autoplay = true;
  video.playsInline = true;
  video.muted = true;
  video.srcObject = stream;
  return video;
}

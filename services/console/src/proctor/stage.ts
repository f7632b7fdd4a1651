import { part, say, setSwitch } from "../page/dom";
import type { Tile } from "../tile/tile";

export interface StageEvents {
  /** Its sound switch was pressed. */
  onSound: () => void;
  onClose: () => void;
}

/** The enlarged candidate: one picture large, the other beside it where there are two. */
export class Stage {
  readonly #root = part("stage");
  readonly #main = part<HTMLVideoElement>("stage-video");
  readonly #other = part<HTMLVideoElement>("stage-other-video");
  readonly #otherButton = part<HTMLButtonElement>("stage-other");
  readonly #sound = part<HTMLButtonElement>("stage-sound");
  readonly #fill = part("stage-level");
  #tile: Tile | undefined;
  // The screen is what one enlarges for, where there is one.
  #isScreenLarge = true;

  constructor({ onSound, onClose }: StageEvents) {
    this.#sound.addEventListener("click", onSound);
    part("stage-close").addEventListener("click", onClose);
    this.#otherButton.addEventListener("click", () => {
      this.#isScreenLarge = !this.#isScreenLarge;
      this.render();
    });
    this.#main.addEventListener("resize", () => this.#showSize());
    setInterval(() => this.#fill.style.setProperty("--level", String(this.#tile?.level ?? 0)), 200);
  }

  /** Shows this candidate; undefined: nobody, and the stage is gone. */
  show(tile: Tile | undefined): void {
    if (this.#tile !== tile) this.#isScreenLarge = true;
    this.#tile = tile;
    this.#root.hidden = tile === undefined;
    this.render();
  }

  /** What is said of the candidate may have changed. */
  render(): void {
    const tile = this.#tile;
    if (!tile) {
      setStream(this.#main, null);
      setStream(this.#other, null);
      return;
    }
    const { connection, screen, tone, words, microphone } = tile.statement;
    const both = screen === "on";
    const isScreen = both && this.#isScreenLarge;
    setStream(this.#main, isScreen ? tile.screenStream : tile.stream);
    setStream(this.#other, both ? (isScreen ? tile.stream : tile.screenStream) : null);
    this.#otherButton.hidden = !both;
    const other = isScreen ? "Show the camera large" : "Show the screen large";
    this.#otherButton.setAttribute("aria-label", other);
    this.#otherButton.title = other;
    Object.assign(this.#root.dataset, { connection, tone, microphone, picture: tile.picture });
    this.#root.dataset.speaking = String(tile.speaking);
    this.#root.dataset.main = isScreen ? "screen" : "camera";
    this.#root.dataset.peerId = tile.participant.peerId;
    say(part("stage-name"), tile.participant.displayName);
    say(part("stage-words"), words);
    say(part("stage-picture-words"), isScreen ? "" : words);
    setSwitch(this.#sound, tile.sound, tile.sound ? "Mute" : "Listen");
    this.#showSize();
  }

  #showSize(): void {
    const { videoWidth, videoHeight } = this.#main;
    const what = this.#root.dataset.main === "screen" ? "Screen" : "Camera";
    say(part("stage-size"), videoWidth ? `${what} ${videoWidth} × ${videoHeight}` : "");
  }
}

function setStream(video: HTMLVideoElement, stream: MediaStream | null): void {
  if (video.srcObject === stream) return;
  video.srcObject = stream;
  // Always muted: the tile plays the sound.
  if (stream) video.play().catch(() => {});
}

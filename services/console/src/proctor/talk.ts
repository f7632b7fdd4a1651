import type { Call } from "@invigil/client";
import { Feed } from "../capture/feed";
import { Input } from "../capture/input";
import { MicrophoneLevel, meterOf } from "../capture/level";
import { part, say, setSwitch } from "../page/dom";

const METER_MS = 100;

/** The proctor's own microphone and camera, to every candidate of the room. */
export class Talk {
  readonly #microphone = new Input("microphone", () => this.#changed());
  readonly #camera = new Input("camera", () => this.#changed());
  readonly #microphoneFeed: Feed;
  readonly #cameraFeed: Feed;
  readonly #level = new MicrophoneLevel();
  readonly #preview = part<HTMLVideoElement>("talk-preview");
  readonly #switches = [
    { input: this.#microphone, button: part("talk"), on: "Stop talking", off: "Talk to all" },
    {
      input: this.#camera,
      button: part("talk-camera"),
      on: "Stop showing your camera",
      off: "Show your camera to everyone",
    },
  ];

  constructor(call: Call) {
    this.#microphoneFeed = new Feed(call, "microphone");
    this.#cameraFeed = new Feed(call, "camera");
    for (const { input, button } of this.#switches) {
      button.addEventListener("click", () => {
        if (input.track) input.stop();
        else void input.start();
      });
    }
    const fill = part("talk-level");
    setInterval(() => {
      fill.style.setProperty("--level", meterOf(this.#level.read()).toFixed(2));
    }, METER_MS);
    void this.#changed();
  }

  /** Whether it may be done at all. */
  allow(allowed: boolean): void {
    part("talk-controls").hidden = !allowed;
  }

  /** How it stands has changed elsewhere: a publication is live, refused or waiting. */
  render(): void {
    const feeds = [this.#microphoneFeed, this.#cameraFeed];
    const [heard, seen] = feeds.map(({ publication }) => publication?.state === "live");
    const failed = feeds.find(({ publication }) => publication?.state === "failed");
    const problem = this.#microphone.problem ?? this.#camera.problem;
    const isOn = this.#microphone.track !== undefined || this.#camera.track !== undefined;
    const state = heard || seen ? "live" : isOn ? "waiting" : problem ? "failed" : "off";
    document.body.dataset.talk = state;
    say(part("talk-words"), this.#words(heard ?? false, seen ?? false));
    if (failed?.publication?.error) say(part("talk-words"), failed.publication.error.words);
  }

  stop(): void {
    this.#microphone.stop();
    this.#camera.stop();
  }

  #words(heard: boolean, seen: boolean): string {
    if (heard && seen) return "You are live: every candidate sees and hears you";
    if (heard) return "You are live: every candidate hears you";
    if (seen) return "You are live: every candidate sees you";
    if (this.#microphone.track || this.#camera.track) return "Starting…";
    const problem = this.#microphone.problem ?? this.#camera.problem;
    return problem ? `${problem.title}. ${problem.words}` : "";
  }

  async #changed(): Promise<void> {
    const sending = [
      this.#microphoneFeed.send(this.#microphone.track),
      this.#cameraFeed.send(this.#camera.track),
    ];
    this.#level.listen(this.#microphone.track);
    const picture = this.#camera.track;
    this.#preview.hidden = picture === undefined;
    this.#preview.srcObject = picture ? new MediaStream([picture]) : null;
    for (const { input, button, on, off } of this.#switches) {
      setSwitch(button, input.track !== undefined, input.track ? on : off);
    }
    this.render();
    await Promise.all(sending);
  }
}

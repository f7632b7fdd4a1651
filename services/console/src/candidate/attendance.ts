import { Call, type CallState, type RemoteTrack, type Roster, type Speaker } from "@invigil/client";
import { blankTrack } from "../capture/blank";
import { Feed } from "../capture/feed";
import { capture, Input, nameOf } from "../capture/input";
import { captureScreen } from "../capture/screen";
import { type Invitation, signalingUrl } from "../page/link";
import type { Flow, Flows } from "../words/call";
import { bothProblem, type Problem, screenProblem } from "../words/capture";
import { SOMEBODY, speechProblem, type TextBody, textOf } from "../words/message";

export interface AttendanceEvents {
  /** Anything that can be read here has changed. */
  onChange: () => void;
  onRoster: (roster: Roster) => void;
  onTrack: (track: RemoteTrack) => void;
  onTrackGone: (track: RemoteTrack) => void;
  onSpeakers: (speakers: readonly Speaker[]) => void;
  /** A proctor has written; `from` is a name. */
  onMessage: (from: string, text: string) => void;
}

/** Taking part in a call with a camera, a microphone and a screen. It knows no page. */
export class Attendance {
  readonly camera = new Input("camera", () => this.#sync());
  readonly microphone = new Input("microphone", () => this.#sync());
  readonly cameraFeed: Feed;
  readonly microphoneFeed: Feed;
  readonly screenFeed: Feed;
  readonly #events: AttendanceEvents;
  readonly #call: Call;
  #attempt = 0;
  #asking = false;
  #problem: Problem | undefined;
  #cameraOff = false;
  #blank: MediaStreamTrack | undefined;
  #muted = false;
  #screen: MediaStreamTrack | undefined;
  #screenWords: string | undefined;
  #handRaised = false;
  #handProblem: string | undefined;

  constructor(invitation: Invitation, events: AttendanceEvents) {
    this.#events = events;
    this.#call = new Call(
      { ...invitation, url: signalingUrl(location), wants: ({ role }) => role === "proctor" },
      {
        onState: (state) => {
          // A camera that stays lit after the end looks like being watched.
          if (state.phase === "ended") this.#release();
          events.onChange();
        },
        onRoster: events.onRoster,
        onTrack: events.onTrack,
        onTrackGone: events.onTrackGone,
        onSpeakers: events.onSpeakers,
        onPublication: () => events.onChange(),
        onMessage: ({ from, body }) => {
          const author = this.#call.roster.get(from)?.displayName ?? SOMEBODY;
          events.onMessage(author, textOf(body));
        },
      },
    );
    this.cameraFeed = new Feed(this.#call, "camera");
    this.microphoneFeed = new Feed(this.#call, "microphone");
    this.screenFeed = new Feed(this.#call, "screen");
  }

  get state(): CallState {
    return this.#call.state;
  }

  /** The person is being asked for camera and microphone. */
  get asking(): boolean {
    return this.#asking;
  }

  /** Why taking part did not begin: neither camera nor microphone. */
  get problem(): Problem | undefined {
    return this.#problem;
  }

  get cameraOff(): boolean {
    return this.#cameraOff;
  }

  get muted(): boolean {
    return this.#muted;
  }

  /** The screen that is shared. */
  get screen(): MediaStreamTrack | undefined {
    return this.#screen;
  }

  get screenWords(): string | undefined {
    return this.#screenWords;
  }

  /** Others see a raised hand. */
  get handRaised(): boolean {
    return this.#handRaised;
  }

  /** Why the hand is not as it was last wanted. */
  get handProblem(): string | undefined {
    return this.#handProblem;
  }

  get flows(): Flows {
    const flow = (feed: Feed): Flow => {
      const publication = feed.publication;
      if (!publication) return "none";
      if (publication.muted) return "held";
      return publication.paused ? "paused" : "live";
    };
    return { camera: flow(this.cameraFeed), microphone: flow(this.microphoneFeed) };
  }

  /** Asks for camera and microphone, then joins with what there is of them. */
  async start(): Promise<void> {
    this.leave();
    const attempt = ++this.#attempt;
    this.#asking = true;
    this.#problem = undefined;
    this.#events.onChange();
    const failure = await this.#capture(() => attempt === this.#attempt);
    // The page may have been left, and come back, while the browser asked.
    if (attempt !== this.#attempt) return;
    this.#asking = false;
    this.#problem = failure === undefined ? undefined : bothProblem(failure);
    if (failure === undefined) this.#call.start();
    else this.#release();
    this.#events.onChange();
  }

  leave(): void {
    this.#attempt += 1;
    this.#asking = false;
    this.#call.leave();
    this.#release();
    this.#events.onChange();
  }

  /** Shown at once; back where the server refuses it. It holds through every rejoining. */
  async setHand(raised: boolean): Promise<void> {
    this.#handRaised = raised;
    this.#handProblem = undefined;
    this.#events.onChange();
    try {
      await this.#call.update({ handRaised: raised });
    } catch (error) {
      if (this.#handRaised !== raised || this.state.phase === "ended") return;
      this.#handRaised = !raised;
      this.#handProblem = speechProblem(error);
      this.#events.onChange();
    }
  }

  /** To all proctors. Rejects with a CallError. */
  async write(text: string): Promise<void> {
    const body: TextBody = { text };
    await this.#call.send({ ...body });
  }

  networkChanged(): void {
    this.#call.networkChanged();
  }

  /** Off, the camera's own light goes out, and others are told. */
  async setCamera(on: boolean): Promise<void> {
    this.#cameraOff = !on;
    if (on) await this.camera.start();
    else this.camera.stop();
  }

  /** Muted, the microphone is still measured here. */
  setMuted(muted: boolean): void {
    this.#muted = muted;
    void this.#sync();
  }

  async shareScreen(): Promise<void> {
    this.#screenWords = undefined;
    try {
      const track = await captureScreen();
      if (this.state.phase === "ended") {
        track.stop();
        return;
      }
      this.stopScreen();
      this.#screen = track;
      // The browser's own button to stop sharing.
      track.addEventListener("ended", () => {
        if (this.#screen === track) this.stopScreen();
      });
      void this.screenFeed.send(track);
    } catch (error) {
      this.#screenWords = screenProblem(nameOf(error));
    }
    this.#events.onChange();
  }

  stopScreen(): void {
    const track = this.#screen;
    this.#screen = undefined;
    void this.screenFeed.send(undefined);
    track?.stop();
    this.#events.onChange();
  }

  /** Both at once, or each alone where that fails. Returns why there is neither. */
  async #capture(isWanted: () => boolean): Promise<string | undefined> {
    this.#cameraOff = false;
    const chosen = {
      ...(this.camera.deviceId && { camera: this.camera.deviceId }),
      ...(this.microphone.deviceId && { microphone: this.microphone.deviceId }),
    };
    try {
      const stream = await capture(["camera", "microphone"], chosen);
      if (!isWanted()) {
        for (const track of stream.getTracks()) track.stop();
        return undefined;
      }
      this.camera.take(stream.getVideoTracks()[0]);
      this.microphone.take(stream.getAudioTracks()[0]);
      return undefined;
    } catch (error) {
      return this.#captureEach(nameOf(error), isWanted);
    }
  }

  async #captureEach(reason: string, isWanted: () => boolean): Promise<string | undefined> {
    if (!isWanted() || !navigator.mediaDevices) return reason;
    // A refusal of both is not asked again for each.
    if (reason === "NotAllowedError" && !(await isGrantedInPart())) return reason;
    await this.camera.start();
    if (!isWanted()) return reason;
    await this.microphone.start();
    if (this.camera.track || this.microphone.track) return undefined;
    return reason;
  }

  /** Brings what is published to what is captured. */
  async #sync(): Promise<void> {
    if (this.#cameraOff) this.#blank ??= blankTrack();
    const camera = this.#cameraOff ? this.#blank : this.camera.track;
    const sending = [
      this.cameraFeed.send(camera, this.#cameraOff),
      this.microphoneFeed.send(this.microphone.track, this.#muted),
    ];
    this.#events.onChange();
    await Promise.all(sending);
  }

  /** Who comes back later has nothing to say yet. */
  #lowerHand(): void {
    this.#handProblem = undefined;
    if (!this.#handRaised) return;
    this.#handRaised = false;
    // Out of the room it is only noted.
    this.#call.update({ handRaised: false }).catch(() => {});
  }

  #release(): void {
    this.#lowerHand();
    this.#cameraOff = false;
    this.camera.stop();
    this.microphone.stop();
    this.#blank?.stop();
    this.#blank = undefined;
    if (this.#screen) this.stopScreen();
  }
}

/** Whether one of the two may be used though both together may not. */
async function isGrantedInPart(): Promise<boolean> {
  const names = ["camera", "microphone"] as PermissionName[];
  const states = await Promise.all(
    names.map((name) =>
      navigator.permissions.query({ name }).then(
        ({ state }) => state,
        // Not every browser tells.
        () => "denied" as const,
      ),
    ),
  );
  return states.includes("granted");
}

import type { Publication, PublicationStatistics } from "@invigil/client";
import { allDevices, DeviceChoice } from "../capture/choice";
import type { Feed } from "../capture/feed";
import { MicrophoneLevel, meterOf } from "../capture/level";
import { part, say, setSwitch } from "../page/dom";
import type { Invitation } from "../page/link";
import { StatusLine } from "../page/status";
import { TileGrid } from "../tile/grid";
import type { Statement } from "../words/call";
import { candidateStatement, proctorPresence, wrongPage } from "../words/call";
import { endWords } from "../words/ending";
import { handWords } from "../words/message";
import { type OwnSource, switchWords } from "../words/sending";
import { seated } from "../words/tile";
import { Attendance } from "./attendance";
import { Conversation } from "./conversation";
import { SendingRow } from "./row";

const METER_MS = 100;
const STATISTICS_MS = 2000;
const ASKING: Statement = { tone: "busy", words: "Asking for camera and microphone…" };

/** The candidate's page: what is sent, how it fares, and who watches. */
export class CandidateView {
  readonly attendance: Attendance;
  readonly #status = new StatusLine();
  readonly #preview = part<HTMLVideoElement>("preview");
  readonly #screenPreview = part<HTMLVideoElement>("screen-preview");
  readonly #switches: Readonly<Record<OwnSource, HTMLButtonElement>> = {
    camera: part("camera-switch"),
    microphone: part("microphone-switch"),
    screen: part("screen-switch"),
  };
  readonly #handSwitch = part<HTMLButtonElement>("hand-switch");
  readonly #hearButton = part<HTMLButtonElement>("enable-sound");
  readonly #proctors: TileGrid;
  readonly #conversation = new Conversation((text) => this.attendance.write(text));
  readonly #level = new MicrophoneLevel();
  readonly #statistics = new Map<Publication, PublicationStatistics>();
  readonly #rows = {
    camera: new SendingRow("camera"),
    microphone: new SendingRow("microphone"),
    screen: new SendingRow("screen"),
  };
  readonly #choices: Record<"camera" | "microphone" | "speaker", DeviceChoice>;
  #listening: MediaStreamTrack | undefined;
  #speaker = "";
  #retryOf: unknown;
  #watching = 0;
  #isSeated = false;

  constructor(invitation: Invitation) {
    // Browsers let a page that captures play sound; where one does not, a button asks for a gesture.
    this.#proctors = new TileGrid(part("proctors"), {
      sound: true,
      onBlocked: () => {
        this.#hearButton.hidden = false;
      },
    });
    this.attendance = new Attendance(invitation, {
      onChange: () => this.#render(),
      onRoster: (roster) => {
        const present = seated([...roster.values()].filter(({ role }) => role === "proctor"));
        this.#watching = present.length;
        this.#proctors.update(present);
        this.#render();
      },
      onTrack: (track) => this.#proctors.add(track),
      onTrackGone: (track) => this.#proctors.remove(track),
      onSpeakers: (speakers) => this.#proctors.setSpeaking(speakers),
      onMessage: (from, text) => this.#conversation.hear(from, text),
    });
    this.#choices = this.#makeChoices();
    this.#listen();
    setInterval(() => this.#measure(), METER_MS);
    setInterval(() => void this.#readStatistics(), STATISTICS_MS);
    void this.#showDevices();
  }

  #makeChoices() {
    const { camera, microphone } = this.attendance;
    const choose = (id: string) => {
      this.#speaker = id;
      this.#proctors.setSpeaker(id);
    };
    part("speaker-row").hidden = !("setSinkId" in HTMLMediaElement.prototype);
    return {
      camera: new DeviceChoice(part("camera-choice"), "videoinput", (id) => camera.choose(id)),
      microphone: new DeviceChoice(part("microphone-choice"), "audioinput", (id) =>
        microphone.choose(id),
      ),
      speaker: new DeviceChoice(part("speaker-choice"), "audiooutput", choose),
    };
  }

  #listen(): void {
    const { attendance } = this;
    this.#switches.camera.addEventListener("click", () => {
      void attendance.setCamera(attendance.camera.track === undefined);
    });
    this.#switches.microphone.addEventListener("click", () => {
      if (attendance.microphone.track) attendance.setMuted(!attendance.muted);
      else void attendance.microphone.start();
    });
    this.#switches.screen.addEventListener("click", () => {
      if (attendance.screen) attendance.stopScreen();
      else void attendance.shareScreen();
    });
    this.#handSwitch.addEventListener("click", () => {
      void attendance.setHand(!attendance.handRaised);
    });
    this.#hearButton.addEventListener("click", () => {
      this.#hearButton.hidden = true;
      this.#proctors.setSound(true);
    });
    part("rejoin").addEventListener("click", () => void attendance.start());
    part("leave").addEventListener("click", () => attendance.leave());
    navigator.mediaDevices?.addEventListener("devicechange", () => void this.#showDevices());
  }

  #render(): void {
    // The first change comes while this is being made.
    if (!this.attendance || !this.#choices) return;
    const { attendance } = this;
    const { state, problem, asking } = attendance;
    document.body.dataset.phase = asking ? "asking" : problem ? "refused" : state.phase;
    this.#showStatus();
    this.#showPictures();
    this.#showSwitches();
    this.#showRows();
    const isOver = state.phase === "ended" && !asking;
    part("leave").hidden = isOver && !asking;
    part("lobby").hidden = state.phase !== "waiting-room";
    this.#showSeat();
    if (isOver) this.#showEnd();
    part("end").hidden = !isOver;
    say(part("presence"), state.phase === "joined" ? proctorPresence(this.#watching) : "");
    void this.#showDevices();
  }

  /** What only one who has a seat can do: while the connection is lost it stays in its place. */
  #showSeat(): void {
    const { phase } = this.attendance.state;
    if (phase === "joined") this.#isSeated = true;
    else if (phase === "ended" || phase === "waiting-room") this.#isSeated = false;
    this.#handSwitch.hidden = !this.#isSeated;
    this.#conversation.show(this.#isSeated, phase === "joined");
  }

  #showStatus(): void {
    const { state, asking, problem, flows } = this.attendance;
    if (asking) this.#status.show(ASKING);
    else if (problem) this.#status.show({ tone: "bad", words: `${problem.title}.` });
    else if (state.phase === "joined" && state.self.role !== "candidate") this.#sendAway();
    else if (state.phase === "waiting") {
      // The countdown starts once for each wait, whatever else changes meanwhile.
      if (this.#retryOf === state) return;
      this.#status.show(candidateStatement(state, flows), state.retryMs);
    } else if (!this.#isSentAway) this.#status.show(candidateStatement(state, flows));
    this.#retryOf = state;
  }

  #isSentAway = false;

  #sendAway(): void {
    const { state } = this.attendance;
    if (state.phase !== "joined") return;
    const words = wrongPage(state.self.role);
    this.#isSentAway = true;
    this.attendance.leave();
    this.#status.show(words);
    part<HTMLAnchorElement>("other-page").hidden = false;
    part("rejoin").hidden = true;
    say(part("end-title"), words.words);
    say(part("end-words"), "Open it on the page that it is meant for.");
  }

  #showEnd(): void {
    if (this.#isSentAway) return;
    const { problem, state } = this.attendance;
    if (state.phase !== "ended") return;
    const { words, restart } = problem
      ? { words: problem.words, restart: "Try again" }
      : endWords(state);
    say(part("end-title"), problem?.title ?? state.words);
    part("end-said").hidden = problem !== undefined || !state.said;
    say(part("end-quote"), state.said ?? "");
    say(part("end-words"), words);
    part("end").dataset.tone = state.left && !problem ? "quiet" : "bad";
    part("rejoin").hidden = restart === undefined;
    say(part("rejoin"), restart ?? "");
  }

  #showPictures(): void {
    const { camera, screen } = this.attendance;
    show(this.#preview, camera.track);
    show(this.#screenPreview, screen);
    const pictures = part("pictures");
    pictures.dataset.screen = screen ? "on" : "off";
    pictures.dataset.camera = camera.track ? "on" : "off";
    say(part("preview-words"), this.#previewWords());
  }

  #previewWords(): string {
    const { camera, cameraOff, asking } = this.attendance;
    if (camera.track) return "";
    if (asking) return "Your browser asks whether this page may use your camera and microphone.";
    if (cameraOff) return "Your camera is off";
    return camera.problem ? `${camera.problem.title}. ${camera.problem.words}` : "";
  }

  #showSwitches(): void {
    const { attendance } = this;
    const { camera, microphone, muted, screen } = attendance;
    const isHeard = microphone.track !== undefined && !muted;
    this.#showSwitch("camera", camera.track !== undefined, attendance.cameraFeed);
    this.#showSwitch("microphone", isHeard, attendance.microphoneFeed);
    this.#showSwitch("screen", screen !== undefined, attendance.screenFeed);
    this.#showHand();
    if (this.#listening === microphone.track) return;
    this.#listening = microphone.track;
    this.#level.listen(microphone.track);
  }

  #showSwitch(source: OwnSource, isOn: boolean, feed: Feed): void {
    const button = this.#switches[source];
    const isHeld = feed.publication?.muted ?? false;
    const { label, reason, disabled } = switchWords(source, isOn, isHeld);
    setSwitch(button, isOn && !isHeld, label);
    button.dataset.held = String(isHeld);
    button.disabled = disabled || this.attendance.state.phase === "ended";
    button.title = reason;
  }

  #showHand(): void {
    const { handRaised, handProblem, state } = this.attendance;
    setSwitch(this.#handSwitch, handRaised, handWords(handRaised));
    this.#handSwitch.disabled = state.phase !== "joined";
    say(part("hand-problem"), handProblem ?? "");
  }

  #showRows(): void {
    const { camera, microphone, screenWords, cameraFeed, microphoneFeed, screenFeed } =
      this.attendance;
    this.#showRow("camera", cameraFeed.publication, camera.problem?.title);
    this.#showRow("microphone", microphoneFeed.publication, microphone.problem?.title);
    this.#showRow("screen", screenFeed.publication, screenWords);
  }

  #showRow(
    source: OwnSource,
    publication: Publication | undefined,
    problem: string | undefined,
  ): void {
    const statistics = publication && this.#statistics.get(publication);
    const awaited = this.attendance.state.phase === "waiting-room" ? "proctor" : "connection";
    this.#rows[source].show(publication, statistics, problem, awaited);
  }

  async #showDevices(): Promise<void> {
    const devices = await allDevices();
    const { camera, microphone } = this.attendance;
    this.#choices.camera.show(devices, camera.deviceId);
    this.#choices.microphone.show(devices, microphone.deviceId);
    this.#choices.speaker.show(devices, this.#speaker || undefined);
  }

  #measure(): void {
    const level = meterOf(this.#level.read()).toFixed(2);
    part("microphone-level").style.setProperty("--level", level);
  }

  async #readStatistics(): Promise<void> {
    const { cameraFeed, microphoneFeed, screenFeed } = this.attendance;
    const publications = [cameraFeed, microphoneFeed, screenFeed].flatMap(
      ({ publication }) => publication ?? [],
    );
    const read = await Promise.all(
      publications.map(async (publication) => [publication, await publication.stats()] as const),
    );
    this.#statistics.clear();
    for (const [publication, statistics] of read) this.#statistics.set(publication, statistics);
    this.#showRows();
  }
}

function show(video: HTMLVideoElement, track: MediaStreamTrack | undefined): void {
  const shown = video.srcObject instanceof MediaStream ? video.srcObject.getTracks()[0] : undefined;
  if (shown === track) return;
  video.srcObject = track ? new MediaStream([track]) : null;
  video.dataset.on = String(track !== undefined);
}

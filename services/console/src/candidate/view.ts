import type { Publication, PublicationStatistics } from "@invigil/client";
import { allDevices, DeviceChoice } from "../capture/choice";
import { MicrophoneLevel, meterOf } from "../capture/level";
import { part, say, setSwitch } from "../page/dom";
import type { Invitation } from "../page/link";
import { StatusLine } from "../page/status";
import { TileGrid } from "../tile/grid";
import type { Statement } from "../words/call";
import { candidateStatement, proctorPresence, restartLabel, wrongPage } from "../words/call";
import { seated } from "../words/tile";
import { Attendance } from "./attendance";
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
  readonly #cameraSwitch = part<HTMLButtonElement>("camera-switch");
  readonly #microphoneSwitch = part<HTMLButtonElement>("microphone-switch");
  readonly #screenSwitch = part<HTMLButtonElement>("screen-switch");
  readonly #hearButton = part<HTMLButtonElement>("enable-sound");
  readonly #proctors: TileGrid;
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
    this.#cameraSwitch.addEventListener("click", () => {
      void attendance.setCamera(attendance.camera.track === undefined);
    });
    this.#microphoneSwitch.addEventListener("click", () => {
      if (attendance.microphone.track) attendance.setMuted(!attendance.muted);
      else void attendance.microphone.start();
    });
    this.#screenSwitch.addEventListener("click", () => {
      if (attendance.screen) attendance.stopScreen();
      else void attendance.shareScreen();
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
    if (isOver) this.#showEnd();
    part("end").hidden = !isOver;
    say(part("presence"), state.phase === "joined" ? proctorPresence(this.#watching) : "");
    void this.#showDevices();
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
    const left = state.phase === "ended" && state.left && !problem;
    const title = problem?.title ?? (state.phase === "ended" ? state.words : "");
    say(part("end-title"), title);
    say(part("end-words"), problem?.words ?? "Camera and microphone are off.");
    part("end").dataset.tone = left ? "quiet" : "bad";
    say(part("rejoin"), restartLabel(left));
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
    const { camera, microphone, muted, screen, state } = this.attendance;
    const isSeen = camera.track !== undefined;
    const isHeard = microphone.track !== undefined && !muted;
    setSwitch(this.#cameraSwitch, isSeen, isSeen ? "Stop camera" : "Start camera");
    setSwitch(this.#microphoneSwitch, isHeard, isHeard ? "Mute" : "Unmute");
    setSwitch(this.#screenSwitch, screen !== undefined, screen ? "Stop sharing" : "Share screen");
    const isOver = state.phase === "ended";
    for (const button of [this.#cameraSwitch, this.#microphoneSwitch, this.#screenSwitch]) {
      (button as HTMLButtonElement).disabled = isOver;
    }
    if (this.#listening === microphone.track) return;
    this.#listening = microphone.track;
    this.#level.listen(microphone.track);
  }

  #showRows(): void {
    const { camera, microphone, screenWords, cameraFeed, microphoneFeed, screenFeed } =
      this.attendance;
    this.#showRow("camera", cameraFeed.publication, camera.problem?.title);
    this.#showRow("microphone", microphoneFeed.publication, microphone.problem?.title);
    this.#showRow("screen", screenFeed.publication, screenWords);
  }

  #showRow(
    source: "camera" | "microphone" | "screen",
    publication: Publication | undefined,
    problem: string | undefined,
  ): void {
    const statistics = publication && this.#statistics.get(publication);
    this.#rows[source].show(publication, statistics, problem);
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

import "../style/page.css";
import "../style/tile.css";
import "../style/candidate.css";
import { CAMERA, Call, type CallState, MICROPHONE, type Roster } from "@invigil/client";
import { part, say } from "./dom";
import { TileGrid } from "./grid";
import { MicrophoneLevel, meterOf } from "./level";
import { type Invitation, readInvitation, signalingUrl } from "./link";
import { StatusLine } from "./status";
import {
  candidateStatement,
  captureFailure,
  proctorPresence,
  restartLabel,
  wrongPage,
} from "./words";

const METER_MS = 100;

const status = new StatusLine();
const startButton = part<HTMLButtonElement>("rejoin");
const leaveButton = part<HTMLButtonElement>("leave");
const hearButton = part<HTMLButtonElement>("enable-sound");
// Browsers let a page that captures play sound; where one does not, a button asks for the gesture.
const proctors = new TileGrid(part("proctors"), {
  sound: true,
  onBlocked: () => {
    hearButton.hidden = false;
  },
});

function showRoster(roster: Roster): void {
  const present = [...roster.values()].filter(({ role }) => role === "proctor");
  proctors.update(present);
  say(part("presence"), proctorPresence(present.length));
}

function showPreview(stream: MediaStream | null): void {
  const preview = part<HTMLVideoElement>("preview");
  preview.srcObject = stream;
  preview.dataset.on = String(stream !== null);
}

/** Camera and microphone. Rejects with what getUserMedia rejects with. */
async function capture(): Promise<MediaStream> {
  if (!navigator.mediaDevices) throw new DOMException("No secure context", "InsecureContextError");
  return navigator.mediaDevices.getUserMedia({ video: CAMERA, audio: MICROPHONE });
}

/** One taking part, from the camera's start to the end or the next try. */
class Attendance {
  readonly #invitation: Invitation;
  #attempt = 0;
  #call: Call | undefined;
  #stream: MediaStream | undefined;
  #level: MicrophoneLevel | undefined;
  #meterTimer: ReturnType<typeof setInterval> | undefined;

  constructor(invitation: Invitation) {
    this.#invitation = invitation;
  }

  async start(): Promise<void> {
    this.stop();
    startButton.hidden = true;
    status.show({ tone: "busy", words: "Asking for camera and microphone…" });
    const attempt = this.#attempt;
    try {
      const stream = await capture();
      // The page may have been left, and come back, while the browser asked.
      if (attempt === this.#attempt) this.#begin(stream);
      else for (const track of stream.getTracks()) track.stop();
    } catch (error) {
      if (attempt !== this.#attempt) return;
      this.#release();
      const name = error instanceof Error ? error.name : "";
      this.#fail(captureFailure(name));
    }
  }

  stop(): void {
    this.#attempt += 1;
    this.#call?.leave();
    this.#call = undefined;
    this.#release();
  }

  networkChanged(): void {
    this.#call?.networkChanged();
  }

  #begin(stream: MediaStream): void {
    this.#stream = stream;
    this.#preview(stream);
    this.#join(stream);
  }

  #preview(stream: MediaStream): void {
    showPreview(stream);
    for (const track of stream.getTracks()) {
      track.addEventListener("ended", () => {
        this.stop();
        this.#fail("Your camera or microphone has stopped. Check it, then try again.");
      });
    }
    const level = new MicrophoneLevel(stream);
    this.#level = level;
    const fill = part("microphone-level");
    this.#meterTimer = setInterval(() => {
      fill.style.setProperty("--level", meterOf(level.read()).toFixed(2));
    }, METER_MS);
  }

  #join(stream: MediaStream): void {
    const call = new Call(
      {
        ...this.#invitation,
        url: signalingUrl(location),
        wants: ({ role }) => role === "proctor",
      },
      {
        onState: (state) => this.#showState(state),
        onRoster: showRoster,
        onTrack: (track) => proctors.add(track),
        onTrackGone: (track) => proctors.remove(track),
      },
    );
    this.#call = call;
    for (const track of stream.getTracks()) {
      call.publish(track, { source: track.kind === "video" ? "camera" : "microphone" });
    }
    call.start();
  }

  #showState(state: CallState): void {
    document.body.dataset.phase = state.phase;
    leaveButton.hidden = state.phase === "ended";
    if (state.phase === "joined" && state.self.role !== "candidate") {
      this.stop();
      status.show(wrongPage(state.self.role));
      startButton.hidden = true;
      part<HTMLAnchorElement>("other-page").hidden = false;
      return;
    }
    status.show(candidateStatement(state));
    if (state.phase !== "ended") return;
    proctors.update([]);
    say(part("presence"), "");
    say(startButton, restartLabel(state.left));
    startButton.hidden = false;
    // A camera that stays lit after the end looks like being watched.
    this.#release();
  }

  #fail(words: string): void {
    status.show({ tone: "bad", words });
    say(startButton, restartLabel(false));
    startButton.hidden = false;
    leaveButton.hidden = true;
  }

  #release(): void {
    clearInterval(this.#meterTimer);
    this.#level?.close();
    this.#level = undefined;
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = undefined;
    showPreview(null);
    part("microphone-level").style.setProperty("--level", "0");
  }
}

function attend(invitation: Invitation): void {
  const attendance = new Attendance(invitation);
  say(part("room"), invitation.roomId);
  say(part("name"), invitation.displayName);
  startButton.addEventListener("click", () => void attendance.start());
  leaveButton.addEventListener("click", () => attendance.stop());
  addEventListener("online", () => attendance.networkChanged());
  addEventListener("pagehide", () => attendance.stop());
  // A page from the back-forward cache comes back with its connections closed.
  addEventListener("pageshow", ({ persisted }) => persisted && void attendance.start());
  part<HTMLAnchorElement>("other-page").href = `/proctor${location.hash}`;
  void attendance.start();
}

hearButton.addEventListener("click", () => {
  hearButton.hidden = true;
  proctors.setSound(true);
});

const invitation = readInvitation(location.hash);
if (invitation) attend(invitation);
else status.show({ tone: "bad", words: "This link is not complete. Ask for a new one." });
// Another link pasted into the same tab changes the fragment only, which loads nothing by itself.
addEventListener("hashchange", () => location.reload());

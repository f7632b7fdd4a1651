/** What the pages say: pure functions from state to words. */

import type { CallState, Participant, Role } from "@invigil/client";

export type Tone = "quiet" | "busy" | "good" | "warning" | "bad";

export interface Statement {
  tone: Tone;
  words: string;
}

const CONNECTING: Statement = { tone: "busy", words: "Connecting…" };
const MEDIA_INTERRUPTED: Statement = {
  tone: "warning",
  words: "Connection lost. Waiting for it to come back…",
};

/** What a candidate is told about the call. */
export function candidateStatement(state: CallState): Statement {
  if (state.phase !== "joined") return outsideRoom(state);
  if (state.media.send === "interrupted") return MEDIA_INTERRUPTED;
  if (!state.published || state.media.send !== "connected") return CONNECTING;
  return { tone: "good", words: "You are live. A proctor can see and hear you." };
}

/** What a proctor is told about the call. */
export function proctorStatement(state: CallState): Statement {
  if (state.phase !== "joined") return outsideRoom(state);
  if (state.media.recv === "interrupted") return MEDIA_INTERRUPTED;
  return { tone: "good", words: "You are watching." };
}

function outsideRoom(state: Exclude<CallState, { phase: "joined" }>): Statement {
  switch (state.phase) {
    case "connecting":
      return CONNECTING;
    case "waiting":
      return { tone: "warning", words: `${state.words} Trying again…` };
    case "ended":
      return { tone: state.left ? "quiet" : "bad", words: state.words };
  }
}

export function candidateCount(count: number): string {
  if (count === 0) return "No candidates";
  return count === 1 ? "1 candidate" : `${count} candidates`;
}

/** Who of the other side is there, as a candidate is told. */
export function proctorPresence(count: number): string {
  if (count === 0) return "No proctor is here yet.";
  return count === 1 ? "1 proctor is here." : `${count} proctors are here.`;
}

/** The label of the button that starts again. */
export function restartLabel(left: boolean): string {
  return left ? "Join again" : "Try again";
}

/** Said where a link is opened on the page that is meant for the other role. */
export function wrongPage(role: Role): Statement {
  const who = role === "candidate" ? "a candidate" : `a ${role}`;
  return { tone: "bad", words: `This link is for ${who}.` };
}

/** Why there is no camera or no microphone; the names are those of getUserMedia's exceptions. */
export function captureFailure(name: string): string {
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return "Camera refused: allow camera and microphone for this page in your browser, then try again.";
    case "NotFoundError":
    case "OverconstrainedError":
      return "No camera or no microphone was found. Connect one, then try again.";
    case "NotReadableError":
    case "AbortError":
      return "Camera or microphone is used by another program. Close it, then try again.";
    case "InsecureContextError":
      return "Camera refused: browsers allow it only on pages with https. Ask for another link.";
    default:
      return "Camera and microphone could not be started. Try again.";
  }
}

/** Whether frames arrive: none so far, arriving, or no longer. */
export type Picture = "none" | "playing" | "stalled";

export interface TileStatement extends Statement {
  connection: "ok" | "lost" | "paused";
  microphone: "on" | "muted" | "none";
}

/** What a tile says about the peer in it. */
export function tileStatement(participant: Participant, picture: Picture): TileStatement {
  const video = participant.producers.find((producer) => producer.kind === "video");
  const audio = participant.producers.find((producer) => producer.kind === "audio");
  const microphone = audio ? (audio.paused ? "muted" : "on") : "none";
  if (participant.connection === "lost") {
    return { connection: "lost", microphone, tone: "bad", words: "Connection lost" };
  }
  if (video?.paused) {
    return { connection: "paused", microphone, tone: "warning", words: "Camera paused" };
  }
  return { connection: "ok", microphone, ...pictureStatement(participant, picture) };
}

function pictureStatement(participant: Participant, picture: Picture): Statement {
  const hasCamera = participant.producers.some((producer) => producer.kind === "video");
  if (!hasCamera && participant.role !== "candidate") return { tone: "quiet", words: "No camera" };
  if (!hasCamera) return { tone: "busy", words: "Waiting for camera" };
  if (picture === "none") return { tone: "busy", words: "Waiting for picture" };
  if (picture === "stalled") return { tone: "warning", words: "Picture has stopped" };
  return { tone: "good", words: "Live" };
}

/** Up to two letters that stand for a name. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  const letters = [words[0], words.length > 1 ? words.at(-1) : undefined];
  return letters
    .map((word) => Array.from(word ?? "")[0] ?? "")
    .join("")
    .toUpperCase();
}

/** What the pages say of the call: pure functions from state to words. */

import type { CallState, Role } from "@invigil/client";

export type Tone = "quiet" | "busy" | "good" | "warning" | "bad";

export interface Statement {
  tone: Tone;
  words: string;
}

/** Whether others get something: it is sent, held back by the person or by a proctor, or not there. */
export type Flow = "live" | "paused" | "held" | "none";

export interface Flows {
  camera: Flow;
  microphone: Flow;
}

const CONNECTING: Statement = { tone: "busy", words: "Connecting…" };
const WAITING_ROOM: Statement = {
  tone: "busy",
  words: "You are in the waiting room. A proctor will let you in soon.",
};
const COMING_BACK: Statement = { tone: "warning", words: "Connection lost. Coming back…" };
const TROUBLED: Statement = { tone: "warning", words: "The server has trouble. Waiting for it…" };
const MEDIA_INTERRUPTED: Statement = {
  tone: "warning",
  words: "Connection lost. Waiting for it to come back…",
};

/** What a candidate is told about the call. */
export function candidateStatement(state: CallState, flows: Flows): Statement {
  if (state.phase !== "joined") return outsideRoom(state);
  if (state.connection !== "ok") return cutOff(state.connection);
  if (state.media.send === "interrupted") return MEDIA_INTERRUPTED;
  if (!state.published || state.media.send !== "connected") return CONNECTING;
  return liveStatement(flows);
}

function liveStatement(flows: Flows): Statement {
  const { camera, microphone } = flows;
  if (camera === "held" || microphone === "held") return heldStatement(flows);
  const seen = camera === "live";
  const heard = microphone === "live";
  if (seen && heard) return { tone: "good", words: "You are live." };
  if (seen) return { tone: "warning", words: "You are live without sound." };
  if (heard) return { tone: "warning", words: "You are live without a picture." };
  return { tone: "warning", words: "You cannot be seen or heard." };
}

/** Whoever did it is named first, so that nobody looks for a fault of their own. */
function heldStatement({ camera, microphone }: Flows): Statement {
  const both = camera === "held" && microphone === "held";
  if (both) return warning("A proctor has muted you and paused your camera.");
  if (microphone === "held") {
    const rest = camera === "live" ? "" : " You are without a picture.";
    return warning(`A proctor has muted you.${rest}`);
  }
  const rest = microphone === "live" ? "" : " You are without sound.";
  return warning(`A proctor has paused your camera.${rest}`);
}

const warning = (words: string): Statement => ({ tone: "warning", words });

/** What a proctor is told about the call. */
export function proctorStatement(state: CallState): Statement {
  if (state.phase === "ended" && state.said) return { tone: "bad", words: withQuote(state) };
  if (state.phase !== "joined") return outsideRoom(state);
  if (state.connection !== "ok") return cutOff(state.connection);
  if (state.media.recv === "interrupted") return MEDIA_INTERRUPTED;
  return { tone: "good", words: "Connected" };
}

/** Where there is one line for both. */
function withQuote({ words, said }: { words: string; said?: string }): string {
  return said ? `${words} They say: “${said}”` : words;
}

/** Sound and picture may well go on meanwhile, and stay where they are. */
function cutOff(connection: "lost" | "troubled"): Statement {
  return connection === "lost" ? COMING_BACK : TROUBLED;
}

function outsideRoom(state: Exclude<CallState, { phase: "joined" }>): Statement {
  switch (state.phase) {
    case "connecting":
      return CONNECTING;
    case "waiting-room":
      return WAITING_ROOM;
    case "waiting":
      return { tone: "warning", words: state.words };
    case "ended":
      return { tone: state.left ? "quiet" : "bad", words: state.words };
  }
}

/** Said beside a lost connection, anew each second; `leftMs` until the next try. */
export function retryWords(leftMs: number): string {
  const seconds = Math.ceil(leftMs / 1000);
  return seconds > 0 ? `Trying again in ${seconds} s` : "Trying again…";
}

export function candidateCount(count: number): string {
  if (count === 0) return "No candidates";
  return count === 1 ? "1 candidate" : `${count} candidates`;
}

/** Who watches, as a candidate is told. */
export function proctorPresence(count: number): string {
  if (count === 0) return "No proctor is watching right now.";
  return count === 1 ? "1 proctor is watching." : `${count} proctors are watching.`;
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

export const INCOMPLETE_LINK: Statement = {
  tone: "bad",
  words: "This link is not complete. Ask for a new one.",
};

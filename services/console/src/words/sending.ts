/** What is being sent, in plain words. */

import type { PublicationState, PublicationStatistics } from "@invigil/client";

export type SendingState = "off" | "waiting" | "live" | "paused" | "failed";

/** What a person needs to know of a publication; undefined: there is none. */
export interface Sent {
  state: PublicationState;
  paused: boolean;
  muted: boolean;
  error?: { words: string } | undefined;
}

export function sendingState(sent: Sent | undefined): SendingState {
  if (!sent || sent.state === "ended") return "off";
  if (sent.state === "failed") return "failed";
  if (sent.paused || sent.muted) return "paused";
  return sent.state === "live" ? "live" : "waiting";
}

const OFF = { camera: "Not sent", microphone: "Not sent", screen: "Not shared" } as const;
const HELD = {
  camera: "Paused by a proctor",
  microphone: "Muted by a proctor",
  screen: "Paused by a proctor",
} as const;
const PAUSED = { camera: "Off", microphone: "Muted", screen: "Paused" } as const;

/** What a candidate sends. */
export type OwnSource = keyof typeof OFF;
/** What stands between a publication and the room. */
export type Barrier = "connection" | "proctor";
const WAITING = {
  connection: "Waiting for the connection…",
  proctor: "Sent when you are let in",
} as const;

export function sendingWords(
  source: OwnSource,
  sent: Sent | undefined,
  statistics: PublicationStatistics | undefined,
  awaited: Barrier = "connection",
): string {
  switch (sendingState(sent)) {
    case "off":
      return OFF[source];
    case "failed":
      return sent?.error?.words ?? "Not sent";
    case "paused":
      return sent?.muted ? HELD[source] : PAUSED[source];
    case "waiting":
      return WAITING[awaited];
    case "live":
      return ["Live", ...facts(statistics)].join(" · ");
  }
}

function facts(statistics: PublicationStatistics | undefined): string[] {
  if (!statistics || statistics.bitrate === 0) return [];
  const best = statistics.layers.filter(({ active, width }) => active && width > 0).at(-1);
  const size = best ? [`${best.width} × ${best.height}`] : [];
  return [...size, bitrateWords(statistics.bitrate)];
}

/** Bits per second in the largest sensible unit. */
export function bitrateWords(bitrate: number): string {
  if (bitrate >= 1_000_000) return `${(bitrate / 1_000_000).toFixed(1)} Mbit/s`;
  return `${Math.round(bitrate / 1000)} kbit/s`;
}

/** Of the switch of a source: what a press does, and why it can do nothing. */
export interface SwitchWords {
  label: string;
  /** Said where a proctor holds the source, which only a proctor lets go. */
  reason: string;
  disabled: boolean;
}

const TURN_ON = {
  camera: "Start camera",
  microphone: "Unmute",
  screen: "Share screen",
} as const;
const TURN_OFF = { camera: "Stop camera", microphone: "Mute", screen: "Stop sharing" } as const;
const KEEP_OFF = { camera: "Keep off", microphone: "Keep muted", screen: "Stop sharing" } as const;
const HELD_BRIEFLY = {
  camera: "Paused by proctor",
  microphone: "Muted by proctor",
  screen: "Paused by proctor",
} as const;

/** `isOn`: the person wants it sent. Who is held may still close it, and then it stays closed. */
export function switchWords(source: OwnSource, isOn: boolean, isHeld: boolean): SwitchWords {
  if (!isHeld) {
    return { label: (isOn ? TURN_OFF : TURN_ON)[source], reason: "", disabled: false };
  }
  const label = (isOn ? KEEP_OFF : HELD_BRIEFLY)[source];
  return { label, reason: `${HELD[source]}. Only a proctor can let go.`, disabled: !isOn };
}

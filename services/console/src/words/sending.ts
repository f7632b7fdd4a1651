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
const PAUSED = { camera: "Off", microphone: "Muted", screen: "Paused" } as const;

export function sendingWords(
  source: keyof typeof OFF,
  sent: Sent | undefined,
  statistics: PublicationStatistics | undefined,
): string {
  switch (sendingState(sent)) {
    case "off":
      return OFF[source];
    case "failed":
      return sent?.error?.words ?? "Not sent";
    case "paused":
      return sent?.muted ? "Stopped by a proctor" : PAUSED[source];
    case "waiting":
      return "Waiting for the connection…";
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

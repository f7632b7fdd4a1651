/** What is being sent, from what the browser counts. */

import type { MediaKind } from "mediasoup-client/types";

/** One encoding of a video. */
export interface LayerStatistics {
  /** `r0` is the lowest layer; empty where there is only one. */
  rid: string;
  /** Pixels and pictures a second as encoded; 0 while nothing is. */
  width: number;
  height: number;
  framesPerSecond: number;
  /** Bits per second since the reading before. */
  bitrate: number;
  /** Whether the browser sends this layer: it switches the higher ones off when the network is slow. */
  active: boolean;
}

/** What is sent of one publication. */
export interface PublicationStatistics {
  kind: MediaKind;
  /** Bits per second since the reading before, without headers; 0 at the first. */
  bitrate: number;
  /** Lowest first; none for sound. */
  layers: LayerStatistics[];
}

/** The fields used of an `outbound-rtp` entry; Firefox gives no `active`. */
interface Outbound {
  id: string;
  type: string;
  timestamp: number;
  bytesSent?: number;
  rid?: string;
  frameWidth?: number;
  frameHeight?: number;
  framesPerSecond?: number;
  active?: boolean;
}

interface Reading {
  bytes: number;
  atMs: number;
  bitrate: number;
}

// Two readings closer than this give the same rates: over so short a time they would only be noise.
const SHORTEST_MS = 100;

/** Turns counters into rates, by remembering what they were. */
export class RateMeter {
  #readings = new Map<string, Reading>();

  read(kind: MediaKind, report: ReadonlyMap<string, unknown> | undefined): PublicationStatistics {
    const readings = new Map<string, Reading>();
    const layers = outboundOf(report).map((outbound) => {
      const reading = this.#advance(outbound);
      readings.set(outbound.id, reading);
      return layerOf(outbound, reading.bitrate);
    });
    this.#readings = readings;
    const bitrate = layers.reduce((sum, layer) => sum + layer.bitrate, 0);
    return { kind, bitrate, layers: kind === "video" ? layers : [] };
  }

  #advance({ id, bytesSent = 0, timestamp }: Outbound): Reading {
    const before = this.#readings.get(id);
    if (!before) return { bytes: bytesSent, atMs: timestamp, bitrate: 0 };
    const elapsedMs = timestamp - before.atMs;
    if (elapsedMs < SHORTEST_MS) return before;
    const bits = Math.max(0, bytesSent - before.bytes) * 8;
    return { bytes: bytesSent, atMs: timestamp, bitrate: Math.round((bits * 1000) / elapsedMs) };
  }
}

function outboundOf(report: ReadonlyMap<string, unknown> | undefined): Outbound[] {
  const entries = [...(report?.values() ?? [])] as Outbound[];
  return entries
    .filter(({ type }) => type === "outbound-rtp")
    .sort((a, b) => (a.rid ?? "").localeCompare(b.rid ?? ""));
}

function layerOf(outbound: Outbound, bitrate: number): LayerStatistics {
  return {
    rid: outbound.rid ?? "",
    width: outbound.frameWidth ?? 0,
    height: outbound.frameHeight ?? 0,
    framesPerSecond: outbound.framesPerSecond ?? 0,
    bitrate,
    active: outbound.active ?? bitrate > 0,
  };
}

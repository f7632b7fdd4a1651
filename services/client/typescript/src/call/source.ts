import type { MediaKind } from "mediasoup-client/types";
import type { AppData } from "../signaling/message.js";

/** Where a track comes from. A peer may publish several of one source. */
export type Source = "camera" | "microphone" | "screen" | "screen-audio";

const KIND_BY_SOURCE: Readonly<Record<Source, MediaKind>> = {
  camera: "video",
  microphone: "audio",
  screen: "video",
  "screen-audio": "audio",
};

/** Sound or picture. */
export function kindOf(source: Source): MediaKind {
  return KIND_BY_SOURCE[source];
}

/** What a producer is of. One that does not say, or nothing sensible, is of camera or microphone. */
export function sourceOf(producer: { kind: MediaKind; appData: AppData }): Source {
  const { kind, appData } = producer;
  const source = appData.source as Source;
  const isSensible = Object.hasOwn(KIND_BY_SOURCE, source) && KIND_BY_SOURCE[source] === kind;
  if (isSensible) return source;
  return kind === "video" ? "camera" : "microphone";
}

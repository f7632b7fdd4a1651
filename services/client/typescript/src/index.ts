/** Stays in an Invigil room: publishes cameras, microphones and screens, and receives others'. */

export {
  Call,
  type CallEvents,
  type CallOptions,
  type CallState,
} from "./call/call.js";
export type { RoomCondition } from "./call/condition.js";
export { CAMERA, MICROPHONE, SCREEN } from "./call/encoding.js";
export type { Moderation } from "./call/moderation.js";
export type { Wants, Wish } from "./call/preference.js";
export type { Publication, PublicationState } from "./call/publication.js";
export type { Roster } from "./call/roster.js";
export type { Self } from "./call/session.js";
export { kindOf, type Source, sourceOf } from "./call/source.js";
export type { LayerStatistics, PublicationStatistics } from "./call/statistics.js";
export type { RemoteTrack, Score } from "./call/subscriber.js";
export type { MediaState, MediaStates } from "./call/transport.js";
export type { Connection } from "./signaling/client.js";
export { CallError, type ErrorCode } from "./signaling/error.js";
export type {
  AppData,
  Direction,
  InboundRtpStats,
  JsonValue,
  LayerScore,
  OutboundRtpStats,
  Participant,
  PeerUpdate,
  ProducerInfo,
  RemoteInboundRtpStats,
  Role,
  ServerStats,
  Speaker,
  TextMessage,
  TransportStats,
  WaitingPeer,
} from "./signaling/message.js";

/** Stays in an Invigil room from a browser. */

export { Call, type CallEvents, type CallState, type MediaStates } from "./call/call.js";
export { CAMERA, MICROPHONE } from "./call/encoding.js";
export type { Roster } from "./call/roster.js";
export type { Self, SessionOptions } from "./call/session.js";
export type { RemoteTrack } from "./call/subscriber.js";
export type { MediaState } from "./call/transport.js";
export { type ErrorCode, SignalingError } from "./signaling/error.js";
export type {
  AppData,
  Direction,
  Participant,
  ProducerInfo,
  Role,
} from "./signaling/message.js";

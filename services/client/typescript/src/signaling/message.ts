/** The browser protocol as types: what is sent, what comes back, what comes unasked. */

import type {
  DtlsParameters,
  IceCandidate,
  IceParameters,
  MediaKind,
  RtpCapabilities,
  RtpParameters,
} from "mediasoup-client/types";

/** Who may see and do what: `observer` watches and is invisible to candidates. */
export type Role = "candidate" | "proctor" | "observer";
/** Of media, as seen from this side. */
export type Direction = "send" | "recv";
/** What an application attaches to a peer or a producer; the server passes it on. */
export type AppData = Record<string, unknown>;

/** What a peer publishes. */
export interface ProducerInfo {
  producerId: string;
  kind: MediaKind;
  paused: boolean;
  /** A moderator has paused it: its owner cannot resume it. */
  muted?: boolean;
  appData: AppData;
}

/** Somebody in the room. `lost`: the connection is gone, and the seat is kept for a while. */
export interface Participant {
  peerId: string;
  userId: string;
  displayName: string;
  role: Role;
  connection: "ok" | "lost";
  handRaised?: boolean;
  /** A moderator has paused all of its sound. */
  muted?: boolean;
  appData: AppData;
  producers: ProducerInfo[];
}

/** Somebody whom a moderator has to let in. */
export interface WaitingPeer {
  peerId: string;
  userId: string;
  displayName: string;
  appData: AppData;
}

export type JsonValue =
  | null
  | boolean
  | number
  | string
  | JsonValue[]
  | { [field: string]: JsonValue };

/** What a peer has written: to everyone who may read it or, with `to`, to one. */
export interface TextMessage {
  /** Peer ids. */
  from: string;
  to?: string;
  body: JsonValue;
}

/** What others see of a peer; what is absent stays as it is. */
export interface PeerUpdate {
  handRaised?: boolean;
  displayName?: string;
  appData?: AppData;
}

/** One who speaks. */
export interface Speaker {
  peerId: string;
  producerId: string;
  /** In -dBov: 0 is the loudest there is, speech is at about 30 to 45. */
  level: number;
}

export interface RoomConfig {
  routerRtpCapabilities: RtpCapabilities;
  maxParticipants: number;
  visibility: "proctored" | "open";
  locked: boolean;
}

export interface AuthResponse {
  success: true;
  userId: string;
  peerId: string;
  role: Role;
  resumed: boolean;
  resumeToken?: string;
  heartbeatIntervalMs: number;
  iceServers: RTCIceServer[];
}

export interface RoomState {
  epoch: string;
  seq: number;
  peerId: string;
  participants: Participant[];
  roomConfig: RoomConfig;
  /** Told to moderators only, where anybody waits. */
  waiting?: WaitingPeer[];
  resumeToken?: string;
  own: Own;
}

/** What the session itself has on the server; empty after a first join. */
export interface Own {
  transports: { transportId: string; direction: Direction }[];
  producers: ProducerInfo[];
  consumers: { consumerId: string; producerId: string; transportId: string; paused: boolean }[];
}

export interface TransportCreated {
  transportId: string;
  direction: Direction;
  iceParameters: IceParameters;
  iceCandidates: IceCandidate[];
  dtlsParameters: DtlsParameters;
}

export interface ConsumerCreated {
  consumerId: string;
  producerId: string;
  peerId: string;
  kind: MediaKind;
  rtpParameters: RtpParameters;
  type: "simple" | "simulcast";
  producerPaused: boolean;
  appData: AppData;
}

/** Layers of a simulcast; 0 is the lowest. */
export interface Layers {
  spatialLayer: number;
  temporalLayer?: number;
}

/** How well one layer of a producer arrives at the server. */
export interface LayerScore {
  /** 0 is the lowest; 0 too where there are no layers. */
  layer: number;
  rid?: string;
  /** 10 is perfect, 1 as bad as can be, 0: nothing comes. */
  score: number;
}

/** What the server has received of one layer of a producer, in the words of W3C's webrtc-stats. */
export interface InboundRtpStats {
  id: string;
  type: "inbound-rtp";
  kind: MediaKind;
  ssrc?: number;
  rid?: string;
  packetsReceived: number;
  retransmittedPacketsReceived?: number;
  bytesReceived: number;
  packetsLost: number;
  /** Seconds. */
  jitter?: number;
  nackCount: number;
  pliCount?: number;
}

/** What the server has sent to a consumer. */
export interface OutboundRtpStats {
  id: string;
  type: "outbound-rtp";
  kind: MediaKind;
  packetsSent: number;
  retransmittedPacketsSent: number;
  remoteId?: string;
}

/** What this side's reports have told the server of that. */
export interface RemoteInboundRtpStats {
  id: string;
  type: "remote-inbound-rtp";
  kind: MediaKind;
  localId: string;
  /** Seconds. */
  roundTripTime: number;
}

/** What has gone over a transport, as the server counts it. */
export interface TransportStats {
  id: string;
  type: "transport";
  packetsSent: number;
  packetsReceived: number;
  bytesSent: number;
  bytesReceived: number;
  iceState: string;
  dtlsState: string;
}

export type ServerStats =
  | InboundRtpStats
  | OutboundRtpStats
  | RemoteInboundRtpStats
  | TransportStats;

export interface ErrorPayload {
  code: string;
  message: string;
  details?: Record<string, unknown>;
}

/** Stands in `consumers[]` for a producer that could not be consumed. */
export interface ConsumeFailure {
  producerId: string;
  error: ErrorPayload;
}

export interface ConsumersCreated {
  consumers: (ConsumerCreated | ConsumeFailure)[];
}

/** Every request: its payload, the type of its reply and the reply's payload. */
export interface Requests {
  "auth:request": {
    payload:
      | { token: string; roomId: string; role?: Role }
      | { resumeToken: string; epoch: string; lastSeq: number };
    reply: "auth:response";
    result: AuthResponse;
  };
  "auth:refresh": {
    payload: { token: string };
    reply: "auth:refreshed";
    result: { expiresAt: number; iceServers: RTCIceServer[] };
  };
  "room:join": {
    payload: {
      roomId: string;
      displayName: string;
      rtpCapabilities?: RtpCapabilities;
      appData?: AppData;
    };
    reply: "room:state";
    result: RoomState;
  };
  "room:leave": { payload: undefined; reply: "room:left"; result: { reason: string } };
  "transport:create": {
    payload: { direction: Direction };
    reply: "transport:created";
    result: TransportCreated;
  };
  "transport:connect": {
    payload: { transportId: string; dtlsParameters: DtlsParameters };
    reply: "transport:connected";
    result: { transportId: string };
  };
  "transport:close": {
    payload: { transportId: string };
    reply: "transport:closed";
    result: { transportId: string };
  };
  produce: {
    payload: {
      kind: MediaKind;
      rtpParameters: RtpParameters;
      transportId: string;
      appData?: AppData;
      paused?: boolean;
    };
    reply: "produced";
    result: { producerId: string; muted?: boolean };
  };
  consume: {
    payload: {
      producerIds: string[];
      transportId: string;
      rtpCapabilities: RtpCapabilities;
      paused: boolean;
    };
    reply: "consumer:created";
    result: ConsumersCreated;
  };
  "producer:pause": ProducerRequest<"producer:paused">;
  "producer:resume": ProducerRequest<"producer:resumed">;
  "producer:close": ProducerRequest<"producer:closed">;
  "consumer:pause": ConsumerRequest<"consumer:paused">;
  "consumer:resume": ConsumerRequest<"consumer:resumed">;
  "consumer:close": ConsumerRequest<"consumer:closed">;
  "consumer:set-layers": {
    payload: { consumerId: string } & Layers;
    reply: "consumer:layers-set";
    result: undefined;
  };
  "message:send": {
    payload: { to?: string; body: JsonValue };
    reply: "message:sent";
    result: None;
  };
  "peer:update": { payload: PeerUpdate; reply: "peer:updated"; result: None };
  "peer:admit": PeerRequest<"peer:admitted">;
  "peer:reject": PeerRequest<"peer:rejected", { reason?: string }>;
  "peer:kick": PeerRequest<"peer:kicked", { reason?: string }>;
  "peer:mute": PeerRequest<"peer:muted">;
  "peer:unmute": PeerRequest<"peer:unmuted">;
  "room:lock": { payload: undefined; reply: "room:locked"; result: None };
  "room:unlock": { payload: undefined; reply: "room:unlocked"; result: None };
  "stats:get": {
    payload: { producerId: string } | { consumerId: string } | { transportId: string };
    reply: "stats:got";
    result: { stats: ServerStats[] };
  };
  ping: { payload: undefined; reply: "pong"; result: { serverTime: number; workerAgeMs?: number } };
}

type None = Record<string, never>;

interface PeerRequest<Reply extends string, More = unknown> {
  payload: { peerId: string } & More;
  reply: Reply;
  result: { peerId: string };
}

interface ProducerRequest<Reply extends string> {
  payload: { producerId: string };
  reply: Reply;
  result: { producerId: string };
}

interface ConsumerRequest<Reply extends string> {
  payload: { consumerId: string };
  reply: Reply;
  result: { consumerId: string };
}

export type RequestType = keyof Requests;
export type RequestPayload<T extends RequestType> = Requests[T]["payload"];
export type Result<T extends RequestType> = Requests[T]["result"];

/** The reply that each request is answered with, if not with `error`. */
export const REPLY_TYPES: { readonly [T in RequestType]: Requests[T]["reply"] } = {
  "auth:request": "auth:response",
  "auth:refresh": "auth:refreshed",
  "room:join": "room:state",
  "room:leave": "room:left",
  "transport:create": "transport:created",
  "transport:connect": "transport:connected",
  "transport:close": "transport:closed",
  produce: "produced",
  consume: "consumer:created",
  "producer:pause": "producer:paused",
  "producer:resume": "producer:resumed",
  "producer:close": "producer:closed",
  "consumer:pause": "consumer:paused",
  "consumer:resume": "consumer:resumed",
  "consumer:close": "consumer:closed",
  "consumer:set-layers": "consumer:layers-set",
  "message:send": "message:sent",
  "peer:update": "peer:updated",
  "peer:admit": "peer:admitted",
  "peer:reject": "peer:rejected",
  "peer:kick": "peer:kicked",
  "peer:mute": "peer:muted",
  "peer:unmute": "peer:unmuted",
  "room:lock": "room:locked",
  "room:unlock": "room:unlocked",
  "stats:get": "stats:got",
  ping: "pong",
};

/** Payloads of the events that this client acts on; others are passed over. */
export interface Events {
  "participant:joined": { participant: Participant };
  "participant:updated": { participant: Participant };
  "participant:left": { peerId: string; reason: string };
  /** For moderators. Ends with `participant:joined` or `participant:left` of the same peer. */
  "participant:waiting": WaitingPeer;
  "room:locked": None;
  "room:unlocked": None;
  message: TextMessage;
  "producer:new": ProducerInfo & { peerId: string };
  /** Comes again when only `muted` has changed. */
  "producer:paused": { producerId: string; muted?: boolean };
  "producer:resumed": { producerId: string };
  "producer:closed": { producerId: string };
  "consumer:paused": { consumerId: string };
  "consumer:resumed": { consumerId: string };
  "consumer:closed": { consumerId: string };
  /** Without a layer: nothing is forwarded, because either side is paused. */
  "consumer:layers": { consumerId: string; spatialLayer?: number };
  /** Of this peer's own. Without a layer: nobody needs anything of it. */
  "producer:layers-needed": { producerId: string; spatialLayer?: number };
  /** All who speak from now on, the loudest first. */
  "speaker:active": { speakers: Speaker[] };
  /** Of one's own stream; layers of which nothing is known yet are absent. */
  "producer:score": { producerId: string; scores: LayerScore[] };
  /** Of the way here, and of the way of the same stream to the server. */
  "consumer:score": { consumerId: string; score: number; producerScore: number };
  "transport:closed": { transportId: string; reason?: string };
  "room:moved": { epoch: string };
  /** A younger token in place of the one before. */
  "session:renewed": { resumeToken: string };
  "session:closing": {
    reason: string;
    action: "resume" | "rejoin" | "stop";
    afterMs: number;
    /** A moderator's words. */
    message?: string;
  };
}

export type EventType = keyof Events;

/** One event. State events carry `seq`, counted per session within an epoch. */
export type SignalingEvent = {
  [T in EventType]: { type: T; payload: Events[T]; epoch?: string; seq?: number };
}[EventType];

/** A message as it stands on the wire. */
export interface Envelope {
  type: string;
  payload?: unknown;
  /** Unix milliseconds. */
  timestamp: number;
  correlationId?: string;
  epoch?: string;
  seq?: number;
}

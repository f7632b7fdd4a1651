import { Device, FakeHandler, testFakeParameters } from "mediasoup-client";
import type { Own, Participant, ProducerInfo, Role } from "../../src/signaling/message.js";
import type { Received, ScriptedGateway } from "./gateway.js";

/** mediasoup-client itself, with its own stand-in for the browser's WebRTC. */
export function deviceWithoutBrowser(): Device {
  return new Device({ handlerFactory: FakeHandler.createFactory(testFakeParameters) });
}

export function participant(
  peerId: string,
  role: Role = "candidate",
  producers: ProducerInfo[] = [],
): Participant {
  const displayName = `Name of ${peerId}`;
  return { peerId, userId: peerId, displayName, role, connection: "ok", appData: {}, producers };
}

export function producer(producerId: string, kind: "audio" | "video" = "video"): ProducerInfo {
  return { producerId, kind, paused: false, appData: {} };
}

/** The server's side of the one session in a room. */
export interface ScriptedRoom {
  /** Which life of the room it is; another one: the worker that held everything is gone. */
  epoch: string;
  /** The token that is good for the next resuming; undefined: the session is over. */
  token: string | undefined;
  /** Milliseconds since the worker was heard, as a pong tells. */
  workerAgeMs: number;
  /** What the session has on the server, as a snapshot tells. */
  own: Own;
  participants: Participant[];
  /** Numbers a state event, keeps it in the log and sends it to whoever is connected. */
  tell: (type: string, payload: unknown) => void;
  /** Forgets the log: who comes back now gets a snapshot. */
  forget: () => void;
}

const FIRST_SEQ = 5;

/** Answers every request as a room would in which `participants` already are. */
export function openRoom(
  gateway: ScriptedGateway,
  role: Role,
  participants: Participant[],
): ScriptedRoom {
  let count = 0;
  let tokens = 0;
  let oldest = FIRST_SEQ;
  const log: { type: string; payload: unknown; epoch: string; seq: number }[] = [];
  const room: ScriptedRoom = {
    epoch: "e1",
    token: undefined,
    workerAgeMs: 0,
    own: { transports: [], producers: [], consumers: [] },
    participants,
    tell: (type, payload) => {
      const seq = oldest + log.length + 1;
      log.push({ type, payload, epoch: room.epoch, seq });
      gateway.tell(type, payload, { epoch: room.epoch, seq });
    },
    forget: () => {
      oldest += log.length;
      log.length = 0;
    },
  };
  const nextToken = () => {
    tokens += 1;
    room.token = `resume-${tokens}`;
    return room.token;
  };
  const routerRtpCapabilities = testFakeParameters.generateRouterRtpCapabilities();
  const response = {
    success: true,
    userId: "me",
    peerId: "me-1",
    role,
    heartbeatIntervalMs: 30_000,
    iceServers: [],
  };
  const state = (resumeToken: string | undefined) => ({
    epoch: room.epoch,
    seq: oldest + log.length,
    peerId: "me-1",
    participants: room.participants,
    roomConfig: { routerRtpCapabilities, maxParticipants: 200, visibility: "proctored" },
    own: room.own,
    resumeToken,
  });
  const resume = ({ payload, reply, refuse, socket }: Received) => {
    if (payload.resumeToken !== room.token) {
      refuse("UNAUTHORIZED", room.token ? "RESUME_TOKEN_USED" : "SESSION_ENDED");
      socket.close(4401);
      return;
    }
    reply("auth:response", { ...response, resumed: true, resumeToken: nextToken() });
    const lastSeq = payload.lastSeq as number;
    const isInLog = payload.epoch === room.epoch && lastSeq >= oldest;
    const news = isInLog
      ? log.filter(({ seq }) => seq > lastSeq)
      : [{ type: "room:state", payload: state(room.token) }];
    for (const event of news) socket.send(JSON.stringify({ ...event, timestamp: 0 }));
  };
  gateway
    .on("auth:request", (request) => {
      if ("resumeToken" in request.payload) resume(request);
      else request.reply("auth:response", { ...response, resumed: false });
    })
    .on("room:join", ({ reply }) => reply("room:state", state(nextToken())))
    .on("ping", ({ reply }) =>
      reply("pong", { serverTime: Date.now(), workerAgeMs: room.workerAgeMs }),
    )
    .on("transport:create", ({ reply, payload }) => {
      const { iceParameters, iceCandidates, dtlsParameters } =
        testFakeParameters.generateTransportRemoteParameters();
      count += 1;
      reply("transport:created", {
        transportId: `t${count}`,
        direction: payload.direction,
        iceParameters,
        iceCandidates,
        dtlsParameters,
      });
    })
    .on("transport:connect", ({ reply, payload }) => reply("transport:connected", payload))
    .on("produce", ({ reply }) => {
      count += 1;
      reply("produced", { producerId: `me-1.${count}` });
    })
    .on("consume", ({ reply, payload }) => {
      const producerIds = payload.producerIds as string[];
      reply("consumer:created", { consumers: producerIds.map(consumerOf) });
    })
    .on("consumer:resume", ({ reply, payload }) => reply("consumer:resumed", payload))
    .on("consumer:pause", ({ reply, payload }) => reply("consumer:paused", payload))
    .on("consumer:set-layers", ({ reply, payload }) => reply("consumer:layers-set", payload))
    .on("producer:pause", ({ reply, payload }) => reply("producer:paused", payload))
    .on("producer:resume", ({ reply, payload }) => reply("producer:resumed", payload))
    .on("producer:close", ({ reply, payload }) => reply("producer:closed", payload))
    .on("transport:close", ({ reply, payload }) => reply("transport:closed", payload));
  return room;
}

/**
 * A producer id ending in "audio" is one of a microphone, one ending in "layers" of three layers;
 * one with "broken" cannot be consumed.
 */
function consumerOf(producerId: string) {
  if (producerId.includes("broken")) {
    return { producerId, error: { code: "CONSUME_ERROR", message: "No." } };
  }
  const kind = producerId.endsWith("audio") ? "audio" : "video";
  const codecMimeType = kind === "audio" ? "audio/opus" : "video/VP8";
  const generated = testFakeParameters.generateConsumerRemoteParameters({ codecMimeType });
  // A copy: what is generated is frozen.
  const rtpParameters = structuredClone(generated.rtpParameters);
  const isSimulcast = producerId.endsWith("layers");
  const [encoding] = rtpParameters.encodings ?? [];
  if (isSimulcast && encoding) encoding.scalabilityMode = "S3T3";
  return {
    consumerId: `consumer-of-${producerId}`,
    producerId,
    peerId: producerId.split(".")[0],
    kind,
    rtpParameters,
    type: isSimulcast ? "simulcast" : "simple",
    producerPaused: false,
    appData: {},
  };
}

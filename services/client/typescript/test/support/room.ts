import { Device, FakeHandler, testFakeParameters } from "mediasoup-client";
import type { Participant, ProducerInfo, Role } from "../../src/signaling/message.js";
import type { ScriptedGateway } from "./gateway.js";

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

/** Answers every request as a room would in which `participants` already are. */
export function openRoom(gateway: ScriptedGateway, role: Role, participants: Participant[]): void {
  let count = 0;
  const routerRtpCapabilities = testFakeParameters.generateRouterRtpCapabilities();
  gateway
    .on("auth:request", ({ reply }) =>
      reply("auth:response", {
        success: true,
        userId: "me",
        peerId: "me-1",
        role,
        resumed: false,
        heartbeatIntervalMs: 30_000,
        iceServers: [],
      }),
    )
    .on("room:join", ({ reply }) =>
      reply("room:state", {
        epoch: "e1",
        seq: 5,
        peerId: "me-1",
        participants,
        roomConfig: { routerRtpCapabilities, maxParticipants: 200, visibility: "proctored" },
      }),
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
    .on("producer:close", ({ reply, payload }) => reply("producer:closed", payload));
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

import type { Device } from "mediasoup-client";
import type { Transport } from "mediasoup-client/types";
import type { Direction } from "../signaling/message.js";
import { ask, type Line, within } from "./patience.js";

/** How the media of one direction fares. */
export type MediaState = "connecting" | "connected" | "interrupted" | "failed";

/** How the media of each direction that is in use fares. */
export type MediaStates = Readonly<Partial<Record<Direction, MediaState>>>;

export interface Link extends Line {
  /** Loaded while the first transport is being created. */
  device: Promise<Device>;
  /** As the server last told: TURN credentials expire. */
  iceServers: () => RTCIceServer[];
  onCreated: (transportId: string) => void;
  onMediaState: (direction: Direction, state: MediaState) => void;
}

const DEVICE_TIMEOUT_MS = 10_000;

/** Creates a transport on the server and its counterpart here; it connects with its first use. */
export async function createTransport(link: Link, direction: Direction): Promise<Transport> {
  const [created, device] = await Promise.all([
    ask(link, "transport:create", { direction }),
    within(DEVICE_TIMEOUT_MS, "Asking the browser what it can do", link.device),
  ]);
  link.onCreated(created.transportId);
  const options = {
    id: created.transportId,
    iceParameters: created.iceParameters,
    iceCandidates: created.iceCandidates,
    dtlsParameters: created.dtlsParameters,
    iceServers: link.iceServers(),
  };
  const transport =
    direction === "send"
      ? device.createSendTransport(options)
      : device.createRecvTransport(options);
  transport.on("connect", ({ dtlsParameters }, done) => {
    // The browser need not wait for the reply: the server keeps what arrives before it knows the
    // fingerprint. This saves a round trip before the first picture.
    done();
    ask(link, "transport:connect", { transportId: transport.id, dtlsParameters }).catch(() =>
      link.onMediaState(direction, "failed"),
    );
  });
  transport.on("connectionstatechange", (state) => {
    if (state === "connected" || state === "connecting" || state === "failed") {
      link.onMediaState(direction, state);
    } else if (state === "disconnected") {
      link.onMediaState(direction, "interrupted");
    }
  });
  return transport;
}

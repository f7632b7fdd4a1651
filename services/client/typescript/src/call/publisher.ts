import type { Producer, Transport } from "mediasoup-client/types";
import { AUDIO_CODEC, VIDEO_CODEC, VIDEO_ENCODINGS } from "./encoding.js";
import { createTransport, type Link } from "./transport.js";

/** Sends this peer's tracks. */
export class Publisher {
  private constructor(
    private readonly transport: Transport,
    readonly producers: readonly Producer[],
  ) {}

  /** Resolves when the server has taken every track. The tracks stay the caller's. */
  static async start(link: Link, tracks: readonly MediaStreamTrack[]): Promise<Publisher> {
    const transport = await createTransport(link, "send");
    transport.on("produce", ({ kind, rtpParameters, appData }, done, failed) => {
      link.client
        .request("produce", { kind, rtpParameters, transportId: transport.id, appData })
        .then(({ producerId }) => done({ id: producerId }), failed);
    });
    try {
      const producers = await Promise.all(tracks.map((track) => produce(transport, track)));
      return new Publisher(transport, producers);
    } catch (error) {
      transport.close();
      throw error;
    }
  }

  close(): void {
    this.transport.close();
  }
}

function produce(transport: Transport, track: MediaStreamTrack): Promise<Producer> {
  // The page owns the tracks: they outlive a session that is replaced by another.
  const shared = { track, stopTracks: false };
  return track.kind === "video"
    ? transport.produce({
        ...shared,
        encodings: [...VIDEO_ENCODINGS],
        codecOptions: VIDEO_CODEC,
        appData: { source: "camera" },
      })
    : transport.produce({
        ...shared,
        codecOptions: AUDIO_CODEC,
        appData: { source: "microphone" },
      });
}

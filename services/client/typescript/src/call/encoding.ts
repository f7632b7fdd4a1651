import type { ProducerCodecOptions, RtpEncodingParameters } from "mediasoup-client/types";

/** What the camera is asked for; the simulcast layers are fractions of it. */
export const CAMERA: MediaTrackConstraints = {
  width: { ideal: 1280 },
  height: { ideal: 720 },
  frameRate: { ideal: 24, max: 30 },
};

export const MICROPHONE: MediaTrackConstraints = {
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
};

/**
 * Three simulcast layers, 320x180, 640x360 and 1280x720 of a 720p camera. mediasoup-client names them
 * r0, r1 and r2.
 */
export const VIDEO_ENCODINGS: readonly RtpEncodingParameters[] = [
  { scaleResolutionDownBy: 4, maxBitrate: 200_000, scalabilityMode: "L1T3" },
  { scaleResolutionDownBy: 2, maxBitrate: 600_000, scalabilityMode: "L1T3" },
  { scaleResolutionDownBy: 1, maxBitrate: 2_500_000, scalabilityMode: "L1T3" },
];

/** Without discontinuous transmission a silent candidate and a dead microphone can be told apart. */
export const AUDIO_CODEC: ProducerCodecOptions = { opusDtx: false, opusFec: true };

/** Kilobits per second to begin with; from the browsers' own 300 the third layer takes seconds. */
export const VIDEO_CODEC: ProducerCodecOptions = { videoGoogleStartBitrate: 1000 };

/** How each source is captured and encoded. */

import type { ProducerCodecOptions, RtpEncodingParameters } from "mediasoup-client/types";
import type { Source } from "./source.js";

/** What to ask `getUserMedia` for; the simulcast layers are fractions of it. */
export const CAMERA: MediaTrackConstraints = {
  width: { ideal: 1280 },
  height: { ideal: 720 },
  frameRate: { ideal: 24, max: 30 },
};

/** What to ask `getUserMedia` for: speech, without the loudspeakers of the room. */
export const MICROPHONE: MediaTrackConstraints = {
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
};

/** What to ask `getDisplayMedia` for: every letter legible, and few pictures a second. */
export const SCREEN: MediaTrackConstraints = {
  width: { max: 2560 },
  height: { max: 1440 },
  frameRate: { ideal: 15, max: 15 },
};

export interface Encoding {
  /** Lowest first; mediasoup-client names the layers r0, r1, … */
  encodings?: RtpEncodingParameters[];
  codecOptions: ProducerCodecOptions;
}

/**
 * Three simulcast layers, 320x180, 640x360 and 1280x720 of a 720p camera.
 */
const CAMERA_ENCODINGS: readonly RtpEncodingParameters[] = [
  { scaleResolutionDownBy: 4, maxBitrate: 200_000, scalabilityMode: "L1T3" },
  { scaleResolutionDownBy: 2, maxBitrate: 600_000, scalabilityMode: "L1T3" },
  { scaleResolutionDownBy: 1, maxBitrate: 2_500_000, scalabilityMode: "L1T3" },
];

// A screen is either looked at as a whole, small, or read: nothing in between is worth its bits.
const SCREEN_ENCODINGS: readonly RtpEncodingParameters[] = [
  { scaleResolutionDownBy: 3, maxBitrate: 200_000, maxFramerate: 5, scalabilityMode: "L1T3" },
  { scaleResolutionDownBy: 1, maxBitrate: 3_000_000, maxFramerate: 15, scalabilityMode: "L1T3" },
];

/** Kilobits per second to begin with; from the browsers' own 300 the third layer takes seconds. */
const VIDEO_CODEC: ProducerCodecOptions = { videoGoogleStartBitrate: 1000 };

/** Without discontinuous transmission a silent candidate and a dead microphone can be told apart. */
const VOICE_CODEC: ProducerCodecOptions = { opusDtx: false, opusFec: true };

const PROGRAM_CODEC: ProducerCodecOptions = {
  ...VOICE_CODEC,
  opusStereo: true,
  opusMaxAverageBitrate: 128_000,
};

/** Fresh at each call, because mediasoup-client writes into the encodings it is given. */
export function encodingOf(source: Source): Encoding {
  switch (source) {
    case "camera":
      return { encodings: CAMERA_ENCODINGS.map(copy), codecOptions: VIDEO_CODEC };
    case "screen":
      return { encodings: SCREEN_ENCODINGS.map(copy), codecOptions: VIDEO_CODEC };
    case "microphone":
      return { codecOptions: VOICE_CODEC };
    case "screen-audio":
      return { codecOptions: PROGRAM_CODEC };
  }
}

const copy = (encoding: RtpEncodingParameters): RtpEncodingParameters => ({ ...encoding });

/** Loudness for a meter, from 0 (silent, below -60 dBFS) to 1, of a linear level from 0 to 1. */
export function meterOf(linear: number): number {
  if (!(linear > 0)) return 0;
  return Math.min(1, Math.max(0, (20 * Math.log10(linear) + 60) / 60));
}

/** Linear level of the last packets of a stream, as the sender stated it or the browser measured it. */
export function receivedLevel(receiver: RTCRtpReceiver | undefined): number {
  const sources = receiver?.getSynchronizationSources?.() ?? [];
  return Math.max(0, ...sources.map((source) => source.audioLevel ?? 0));
}

/** Measures the microphone before anything is sent. */
export class MicrophoneLevel {
  readonly #context = new AudioContext();
  readonly #analyser = this.#context.createAnalyser();
  readonly #samples = new Float32Array(this.#analyser.fftSize);
  readonly #source: MediaStreamAudioSourceNode;

  constructor(stream: MediaStream) {
    this.#source = this.#context.createMediaStreamSource(stream);
    this.#source.connect(this.#analyser);
  }

  /** Root mean square of the last 2048 samples. */
  read(): number {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const sum = this.#samples.reduce((total, sample) => total + sample * sample, 0);
    return Math.sqrt(sum / this.#samples.length);
  }

  close(): void {
    this.#source.disconnect();
    void this.#context.close();
  }
}

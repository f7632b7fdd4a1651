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

/** Measures a microphone here, whether or not it is sent. */
export class MicrophoneLevel {
  #context: AudioContext | undefined;
  #analyser: AnalyserNode | undefined;
  #samples = new Float32Array(0);

  /** Measures this track from here on; undefined: nothing. */
  listen(track: MediaStreamTrack | undefined): void {
    void this.#context?.close();
    this.#context = undefined;
    this.#analyser = undefined;
    if (!track) return;
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    this.#samples = new Float32Array(analyser.fftSize);
    this.#context = context;
    this.#analyser = analyser;
  }

  /** Root mean square of the last 2048 samples, from 0 to 1. */
  read(): number {
    if (!this.#analyser) return 0;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const sum = this.#samples.reduce((total, sample) => total + sample * sample, 0);
    return Math.sqrt(sum / this.#samples.length);
  }
}

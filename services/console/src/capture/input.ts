import { CAMERA, MICROPHONE } from "@invigil/client";
import { captureProblem, type Device, type Problem } from "../words/capture";

const CONSTRAINTS: Readonly<Record<Device, MediaTrackConstraints>> = {
  camera: CAMERA,
  microphone: MICROPHONE,
};

export type Devices = readonly Device[];

/** Rejects with what getUserMedia rejects with; OverconstrainedError where a chosen device is gone. */
export async function capture(
  devices: Devices,
  chosen: Readonly<Partial<Record<Device, string>>> = {},
): Promise<MediaStream> {
  if (!navigator.mediaDevices) throw new DOMException("No secure context", "InsecureContextError");
  const asked = (device: Device) => {
    if (!devices.includes(device)) return false;
    const exact = chosen[device];
    return exact ? { ...CONSTRAINTS[device], deviceId: { exact } } : CONSTRAINTS[device];
  };
  return navigator.mediaDevices.getUserMedia({
    video: asked("camera"),
    audio: asked("microphone"),
  });
}

export const nameOf = (error: unknown): string => (error instanceof Error ? error.name : "");

/** One camera or one microphone: chosen, started, stopped, and replaced when it is unplugged. */
export class Input {
  readonly device: Device;
  readonly #onChange: () => Promise<void>;
  #track: MediaStreamTrack | undefined;
  #deviceId: string | undefined;
  #problem: Problem | undefined;
  // The latest wish; what an earlier one brings is dropped.
  #wish = 0;

  /**
   * `onChange`: another track, none, or another problem. A track that is replaced runs until what it
   * returns is settled, so that others see no gap.
   */
  constructor(device: Device, onChange: () => Promise<void>) {
    this.device = device;
    this.#onChange = onChange;
  }

  get track(): MediaStreamTrack | undefined {
    return this.#track;
  }

  /** The device in use, or the one that was chosen for the next start. */
  get deviceId(): string | undefined {
    return this.#track?.getSettings().deviceId ?? this.#deviceId;
  }

  /** Why it does not run. */
  get problem(): Problem | undefined {
    return this.#problem;
  }

  /** Starts what was chosen, or what the browser prefers. Never rejects: see `problem`. */
  async start(): Promise<void> {
    const wish = ++this.#wish;
    try {
      const stream = await this.#capture();
      const [track] = stream.getTracks();
      if (wish === this.#wish) this.take(track);
      else track?.stop();
    } catch (error) {
      if (wish === this.#wish) this.fail(nameOf(error));
    }
  }

  /** What was chosen, or another where that is gone. */
  async #capture(): Promise<MediaStream> {
    const chosen = { [this.device]: this.#deviceId ?? "" };
    try {
      return await capture([this.device], chosen);
    } catch (error) {
      if (nameOf(error) !== "OverconstrainedError" || !this.#deviceId) throw error;
      this.#deviceId = undefined;
      return await capture([this.device]);
    }
  }

  /** Chooses a device, and changes to it at once if one runs. */
  async choose(deviceId: string): Promise<void> {
    this.#deviceId = deviceId;
    if (this.#track || this.#problem) await this.start();
  }

  /** Uses a track that was captured elsewhere. */
  take(track: MediaStreamTrack | undefined): void {
    this.#wish += 1;
    const before = this.#track;
    this.#track = track;
    this.#problem = undefined;
    track?.addEventListener("ended", () => {
      if (this.#track === track) void this.#replace();
    });
    void this.#onChange().finally(() => before?.stop());
  }

  fail(name: string): void {
    this.#drop();
    this.#problem = captureProblem(this.device, name);
    void this.#onChange();
  }

  stop(): void {
    this.#drop();
    this.#problem = undefined;
    void this.#onChange();
  }

  #drop(): void {
    this.#wish += 1;
    this.#track?.stop();
    this.#track = undefined;
  }

  /** The device is gone: another one takes over where there is one. */
  async #replace(): Promise<void> {
    const choices = await inputs(this.device);
    this.#deviceId = undefined;
    if (choices.length > 0) await this.start();
    else this.fail("DeviceLostError");
  }
}

async function inputs(device: Device): Promise<MediaDeviceInfo[]> {
  const kind = device === "camera" ? "videoinput" : "audioinput";
  const all = await navigator.mediaDevices.enumerateDevices().catch(() => []);
  return all.filter((found) => found.kind === kind);
}

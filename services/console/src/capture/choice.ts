import { element } from "../page/dom";

/** A list of devices of one kind to choose from, which follows what is plugged in. */
export class DeviceChoice {
  readonly #select: HTMLSelectElement;
  readonly #kind: MediaDeviceKind;

  constructor(select: HTMLSelectElement, kind: MediaDeviceKind, onChoose: (id: string) => void) {
    this.#select = select;
    this.#kind = kind;
    select.addEventListener("change", () => onChoose(select.value));
  }

  /** Shows what there is, and that `current` is in use. */
  show(devices: readonly MediaDeviceInfo[], current: string | undefined): void {
    const found = devices.filter(({ kind, deviceId }) => kind === this.#kind && deviceId !== "");
    const options = found.map(({ deviceId, label }, index) =>
      element("option", { value: deviceId }, label || `Device ${index + 1}`),
    );
    if (options.length === 0) options.push(element("option", { value: "" }, "No device"));
    this.#select.replaceChildren(...options);
    this.#select.disabled = found.length === 0;
    if (current) this.#select.value = current;
    // A device that is not in the list: the browser hides its id, or it is gone.
    if (this.#select.selectedIndex < 0) this.#select.selectedIndex = 0;
  }
}

/** Every device that the browser tells of; none where it tells of none. */
export async function allDevices(): Promise<MediaDeviceInfo[]> {
  return (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
}

import { SCREEN } from "@invigil/client";

/** Of getDisplayMedia, newer than the DOM types. */
interface ScreenOptions extends DisplayMediaStreamOptions {
  /** Not the page's own tab, which would show itself in itself. */
  selfBrowserSurface?: "exclude" | "include";
  surfaceSwitching?: "exclude" | "include";
}

/**
 * Asks which screen to share. Rejects with what getDisplayMedia rejects with: `NotAllowedError`
 * where the person or the system does not want it, `NotSupportedError` without the function.
 */
export async function captureScreen(): Promise<MediaStreamTrack> {
  if (!navigator.mediaDevices?.getDisplayMedia) {
    throw new DOMException("No getDisplayMedia", "NotSupportedError");
  }
  const options: ScreenOptions = {
    // The whole monitor is what proctors are to see; the browser still offers the rest.
    video: { ...SCREEN, displaySurface: "monitor" },
    audio: false,
    selfBrowserSurface: "exclude",
    surfaceSwitching: "include",
  };
  const stream = await navigator.mediaDevices.getDisplayMedia(options);
  const [track] = stream.getVideoTracks();
  if (!track) throw new DOMException("No picture", "NotFoundError");
  // Sharp letters before smooth motion.
  track.contentHint = "detail";
  return track;
}

/** Why there is no camera, microphone or screen; names are those of the browser's exceptions. */

export interface Problem {
  /** A few words. */
  title: string;
  /** What to do about it. */
  words: string;
}

export type Device = "camera" | "microphone";

export function captureProblem(device: Device, name: string): Problem {
  const other = device === "camera" ? "Camera" : "Microphone";
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return {
        title: `${other} refused`,
        words: `Allow the ${device} for this page in your browser's address bar, then try again.`,
      };
    case "NotFoundError":
    case "OverconstrainedError":
      return { title: `No ${device} found`, words: "Connect one, then try again." };
    case "NotReadableError":
    case "AbortError":
      return {
        title: `${other} in use`,
        words: `Another program uses the ${device}. Close it, then try again.`,
      };
    case "InsecureContextError":
      return {
        title: `${other} refused`,
        words: "Browsers allow it only on pages with https. Ask for another link.",
      };
    case "DeviceLostError":
      return { title: `${other} unplugged`, words: "Connect it again, then try again." };
    default:
      return { title: `${other} did not start`, words: "Try again." };
  }
}

/** The same for both at once, where one cause explains both. */
export function bothProblem(name: string): Problem {
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return {
        title: "Camera refused",
        words:
          "Allow camera and microphone for this page in your browser's address bar, then try again.",
      };
    case "NotFoundError":
    case "OverconstrainedError":
      return {
        title: "No camera and no microphone found",
        words: "Connect a camera and a microphone, then try again.",
      };
    case "InsecureContextError":
      return captureProblem("camera", name);
    default:
      return {
        title: "Camera and microphone did not start",
        words: "Another program may use them. Close it, then try again.",
      };
  }
}

/** Undefined where the person has only changed their mind. */
export function screenProblem(name: string): string | undefined {
  if (name === "NotAllowedError") return undefined;
  if (name === "NotSupportedError") return "This browser cannot share a screen.";
  return "The screen could not be shared. Try again.";
}

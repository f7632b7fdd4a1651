/** What is said of the end of a candidate's session, beyond why it ended. */

import type { CallState } from "@invigil/client";
import { restartLabel } from "./call";

export interface EndWords {
  /** What it means, or what to do about it. */
  words: string;
  /** The label of the button that joins again; undefined where that cannot help. */
  restart: string | undefined;
}

const RELEASED = "Camera and microphone are off.";

export function endWords({ left, error }: Extract<CallState, { phase: "ended" }>): EndWords {
  switch (error?.reason) {
    case "KICKED":
    case "BANNED":
      return { words: `You cannot come back into this room. ${RELEASED}`, restart: undefined };
    case "REJECTED":
    case "WAITED_TOO_LONG":
      return { words: `You may ask once more. ${RELEASED}`, restart: "Ask again" };
    default:
      return { words: RELEASED, restart: restartLabel(left) };
  }
}

/** What a proctor may do to a candidate, and how it is said. */

import type { CallError, Participant, Source } from "@invigil/client";
import { producerOf } from "./tile";

export type Deed =
  | "mute"
  | "unmute"
  | "pause-camera"
  | "resume-camera"
  | "pause-screen"
  | "resume-screen"
  | "write"
  | "remove";

export interface Action {
  deed: Deed;
  words: string;
  icon: string;
}

/** What can be done now, in the order of a menu; the last one cannot be taken back. */
export function actionsOn(participant: Participant): Action[] {
  const sound: Action = participant.muted
    ? { deed: "unmute", words: "Let them unmute", icon: "microphone" }
    : { deed: "mute", words: "Mute", icon: "microphone-off" };
  return [
    sound,
    ...pictureActions(participant, "camera"),
    ...pictureActions(participant, "screen"),
    { deed: "write", words: "Write a message", icon: "message" },
    { deed: "remove", words: "Remove from the room…", icon: "leave" },
  ];
}

function pictureActions(participant: Participant, source: "camera" | "screen"): Action[] {
  const producer = producerOf(participant, source as Source);
  if (!producer) return [];
  return producer.muted
    ? [{ deed: `resume-${source}`, words: `Allow the ${source} again`, icon: source }]
    : [{ deed: `pause-${source}`, words: `Pause the ${source}`, icon: `${source}-off` }];
}

const TRIED: Readonly<Record<Deed, string>> = {
  mute: "mute",
  unmute: "unmute",
  "pause-camera": "pause the camera of",
  "resume-camera": "allow the camera of",
  "pause-screen": "pause the screen of",
  "resume-screen": "allow the screen of",
  write: "write to",
  remove: "remove",
};

/** Why something has not happened. */
export function deedProblem(deed: Deed, name: string, error: CallError): string {
  return `Could not ${TRIED[deed]} ${name}. ${errorWords(error)}`;
}

export function errorWords(error: CallError): string {
  if (error.reason === "NOT_A_MODERATOR") return "Your link does not let you moderate.";
  if (error.reason === "PEER_MUTED") return "All of their sound is muted.";
  if (error.code === "NOT_FOUND") return "They have left.";
  if (error.code === "ROOM_FULL") return "The room is full.";
  if (error.code === "RATE_LIMITED") return "That was too fast. Try again.";
  return error.words;
}

export function waitingWords(count: number): string {
  return count === 1 ? "1 is waiting" : `${count} are waiting`;
}

export function lockWords(locked: boolean): string {
  return locked ? "Locked: nobody new comes in. Unlock the room" : "Lock the room";
}

/** Beside the number of candidates; empty where no hand is up. */
export function handsWords(count: number): string {
  if (count === 0) return "";
  return count === 1 ? "1 hand raised" : `${count} hands raised`;
}

/** The server takes no longer reason. */
export const MAX_REASON_CHARACTERS = 256;

export interface Question {
  title: string;
  words: string;
  confirm: string;
}

export function removalQuestion(name: string): Question {
  return {
    title: `Remove ${name} from the room?`,
    words: "They are told, with your reason, and cannot come back into this room.",
    confirm: "Remove",
  };
}

export function rejectionQuestion(name: string): Question {
  return {
    title: `Turn ${name} away?`,
    words: "They are told, with your reason, and may ask again.",
    confirm: "Turn away",
  };
}

/** What is said of messages, and what is read out of them. */

import { CallError } from "@invigil/client";

/** Of a body as JSON in UTF-8; the server refuses more. */
const MAX_BODY_BYTES = 4096;

/** What a page writes; another application's may be any JSON. */
export interface TextBody {
  text: string;
}

/** The text of a message; a body that is none of this page's is shown as the JSON that it is. */
export function textOf(body: unknown): string {
  if (typeof body === "string") return body;
  const text = typeof body === "object" && body !== null && "text" in body ? body.text : undefined;
  return typeof text === "string" ? text : JSON.stringify(body);
}

/** Whether a message is longer than the server takes. */
export function isTooLong(text: string): boolean {
  const body: TextBody = { text };
  return new TextEncoder().encode(JSON.stringify(body)).length > MAX_BODY_BYTES;
}

export const TOO_LONG = "Too long to send. Shorten it, or send it in parts.";

/** Why something that was said did not get through: a message, or a raised hand. */
export function speechProblem(thrown: unknown): string {
  const error = CallError.from(thrown);
  if (error.code === "RATE_LIMITED") return "That was too fast. Wait a moment, then try again.";
  if (error.reason === "PEER_NOT_FOUND") return "They have left.";
  return error.words;
}

/** Who a message is from, where its author is known no more. */
export const SOMEBODY = "A proctor";

/** Of a hand that is raised, or can be. */
export function handWords(isRaised: boolean): string {
  return isRaised ? "Lower hand" : "Raise hand";
}

/** The page's title while it is behind another one and messages are unread. */
export function titleWords(title: string, unread: number): string {
  return unread === 0 ? title : `(${unread}) ${title}`;
}

/** Of one who was to be written to and is not in the room. */
export function goneWords(name: string): string {
  return `${name} (has left)`;
}

/** Above a message: from whom, and to whom. */
export function addresseeWords(from: string, to: string): string {
  return `${from} to ${to}`;
}

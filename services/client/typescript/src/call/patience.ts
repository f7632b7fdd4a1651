/** Requests that are sent again when the server says that they may be carried out later. */

import type { SignalingClient } from "../signaling/client.js";
import { CallError } from "../signaling/error.js";
import type { RequestPayload, RequestType, Result } from "../signaling/message.js";

const MOST_TRIES = 5;
// How much longer than asked a wait may be, so that clients do not come back all at once.
const SPREAD = 0.5;

/** A socket, and the life of the session on it. */
export interface Line {
  client: SignalingClient;
  /** Aborted when the session is over. */
  signal: AbortSignal;
}

/**
 * Sends a request, up to five times where the refusal says after how long to try again. Rejects with
 * a CallError: the last refusal's, or CLOSED.
 */
export async function ask<T extends RequestType>(
  { client, signal }: Line,
  type: T,
  payload: RequestPayload<T>,
): Promise<Result<T>> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await client.request(type, payload);
    } catch (thrown) {
      const error = CallError.from(thrown);
      if (error.retryAfterMs === undefined || tries === MOST_TRIES) throw error;
      await rest(error.retryAfterMs * (1 + SPREAD * Math.random()), signal);
    }
  }
}

/** Waits; rejects with CLOSED as soon as the session is over. */
function rest(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      reject(new CallError("CLOSED", "SESSION_OVER", "The session has ended."));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", end);
      resolve();
    }, ms);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
}

/** The outcome of something that the browser does, or TIMEOUT after `ms` milliseconds. */
export function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new CallError("TIMEOUT", "BROWSER_TIMEOUT", `${what} took longer than ${ms} ms.`));
    }, ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

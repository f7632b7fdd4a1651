/** What the end of a socket means, in words, and whether another try can help. */

export interface Closing {
  code: number;
  /** A sentence for the person in front of the page. */
  words: string;
  retry: boolean;
}

const REFUSED = "The server refused this connection. Ask for a new link.";

const MEANINGS: Readonly<Record<number, Omit<Closing, "code">>> = {
  1000: { words: "The session has ended.", retry: false },
  1001: { words: "The server is going away.", retry: true },
  1006: { words: "Connection lost.", retry: true },
  1009: { words: "The server refused a message that is too large.", retry: false },
  1011: { words: "The server had an error.", retry: true },
  1012: { words: "The server is restarting.", retry: true },
  1013: { words: "The server is busy.", retry: true },
  4400: { words: "This page and the server do not understand each other.", retry: false },
  4401: { words: REFUSED, retry: false },
  4403: { words: "This link does not allow that.", retry: false },
  4408: { words: "The server did not hear from this page for too long.", retry: true },
  4409: { words: "This session was taken over by another window.", retry: false },
  4413: { words: "The server refused a message that is too large.", retry: false },
  4429: { words: "This page sent too many messages.", retry: true },
};

/** Meaning of a close code; one that is not known counts as a lost connection. */
export function closingOf(code: number): Closing {
  return { code, ...(MEANINGS[code] ?? { words: "Connection lost.", retry: true }) };
}

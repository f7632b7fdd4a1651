import { type Closing, closingOf } from "./closing.js";
import { correlationId } from "./correlation.js";
import { CallError } from "./error.js";
import {
  type Envelope,
  type ErrorPayload,
  REPLY_TYPES,
  type RequestPayload,
  type RequestType,
  type Result,
  type SignalingEvent,
} from "./message.js";
import { Pace } from "./pace.js";

export interface SignalingOptions {
  /** `ws:` or `wss:` address of the gateway. */
  url: string;
  /** Every event, in the order of the wire. */
  onEvent: (event: SignalingEvent) => void;
  /** Called once, when the socket has ended for whatever reason. */
  onClosed: (closing: Closing) => void;
  /** Deadline of opening the socket and of each request, in milliseconds. */
  timeoutMs?: number;
  /** For environments without a global WebSocket. */
  webSocket?: typeof WebSocket;
}

interface Pending {
  replyType: string;
  resolve: (result: never) => void;
  reject: (error: CallError) => void;
  timer: ReturnType<typeof setTimeout>;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const NORMAL_CLOSURE = 1000;
const ABNORMAL_CLOSURE = 1006;

/** One socket to the gateway: requests with their replies, and events. It never reconnects. */
export class SignalingClient {
  readonly #options: SignalingOptions;
  readonly #timeoutMs: number;
  readonly #socket: WebSocket;
  readonly #pending = new Map<string, Pending>();
  readonly #outbox: string[] = [];
  readonly #pace = new Pace(performance.now());
  #paceTimer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** Resolves once the socket is open; rejects with CLOSED or TIMEOUT. */
  readonly opened: Promise<void>;

  constructor(options: SignalingOptions) {
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#socket = new (options.webSocket ?? WebSocket)(options.url);
    this.opened = this.#open();
    // A caller that is not interested must not cause an unhandled rejection.
    this.opened.catch(() => {});
    this.#socket.onmessage = (message) => this.#receive(message.data);
    // A close event follows every error and says more; without a listener some environments throw.
    this.#socket.onerror = () => {};
    this.#socket.onclose = (event) => this.#finish(closingOf(event.code));
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Sends a request and waits for its reply. Rejects with a CallError only. */
  request<T extends RequestType>(type: T, payload: RequestPayload<T>): Promise<Result<T>> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(closedError());
        return;
      }
      const id = correlationId();
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new CallError("TIMEOUT", "NO_REPLY", `No reply to ${type} in time.`));
      }, this.#timeoutMs);
      this.#pending.set(id, { replyType: REPLY_TYPES[type], resolve, reject, timer });
      const envelope: Envelope = { type, payload, timestamp: Date.now(), correlationId: id };
      this.#outbox.push(JSON.stringify(envelope));
      this.#flush();
    });
  }

  /** Leaves the room without waiting for the reply, then closes: for a page that goes away. */
  leave(): void {
    if (this.#socket.readyState === this.#socket.OPEN) {
      const envelope: Envelope = {
        type: "room:leave",
        timestamp: Date.now(),
        correlationId: correlationId(),
      };
      this.#socket.send(JSON.stringify(envelope));
    }
    this.close();
  }

  close(): void {
    this.#socket.close(NORMAL_CLOSURE);
    this.#finish(closingOf(NORMAL_CLOSURE));
  }

  /** Gives a socket up that no longer answers: the close handshake would not end either. */
  abandon(): void {
    this.#socket.close();
    this.#finish(closingOf(ABNORMAL_CLOSURE));
  }

  #open(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new CallError("TIMEOUT", "NOT_OPENED", "The server did not answer in time."));
        this.abandon();
      }, this.#timeoutMs);
      this.#socket.addEventListener("open", () => {
        clearTimeout(timer);
        resolve();
        this.#flush();
      });
      this.#socket.addEventListener("close", () => {
        clearTimeout(timer);
        reject(closedError());
      });
    });
  }

  #flush(): void {
    if (this.#paceTimer !== undefined || this.#socket.readyState !== this.#socket.OPEN) return;
    while (this.#outbox.length > 0) {
      const waitMs = this.#pace.take(performance.now());
      if (waitMs > 0) {
        this.#paceTimer = setTimeout(() => {
          this.#paceTimer = undefined;
          this.#flush();
        }, waitMs);
        return;
      }
      this.#socket.send(this.#outbox.shift() as string);
    }
  }

  #receive(data: unknown): void {
    const envelope = parse(data);
    if (!envelope || this.#closed) return;
    if (envelope.correlationId !== undefined) this.#settle(envelope, envelope.correlationId);
    // An error without a correlation id answers a frame that could not be read; the close code
    // that follows says the rest.
    else if (envelope.type !== "error") this.#options.onEvent(envelope as SignalingEvent);
  }

  #settle(envelope: Envelope, id: string): void {
    const pending = this.#pending.get(id);
    if (!pending) return;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    if (envelope.type === "error") {
      pending.reject(CallError.fromPayload(envelope.payload as ErrorPayload));
    } else if (envelope.type !== pending.replyType) {
      pending.reject(
        new CallError("UNEXPECTED_REPLY", "WRONG_TYPE", `The reply was ${envelope.type}.`),
      );
    } else {
      pending.resolve(envelope.payload as never);
    }
  }

  #finish(closing: Closing): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#paceTimer);
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timer);
      pending.reject(closedError());
    }
    this.#pending.clear();
    this.#outbox.length = 0;
    this.#options.onClosed(closing);
  }
}

function closedError(): CallError {
  return new CallError("CLOSED", "SOCKET_CLOSED", "The connection has ended.");
}

function parse(data: unknown): Envelope | undefined {
  if (typeof data !== "string") return undefined;
  try {
    const value: unknown = JSON.parse(data);
    if (typeof value !== "object" || value === null) return undefined;
    return typeof (value as Envelope).type === "string" ? (value as Envelope) : undefined;
  } catch {
    return undefined;
  }
}

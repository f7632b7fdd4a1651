import type { Envelope } from "./message.js";
import { Pace } from "./pace.js";

export interface SocketOptions {
  /** `ws:` or `wss:` address of the gateway. */
  url: string;
  onOpen: () => void;
  /** Every frame that is a message, in the order of the wire. */
  onEnvelope: (envelope: Envelope) => void;
  /** Called once, with the close code, when the socket has ended for whatever reason. */
  onClosed: (code: number) => void;
  /** Milliseconds within which the socket must open. */
  openWithinMs: number;
  /** For environments without a global WebSocket. */
  webSocket?: typeof WebSocket;
}

interface Outgoing {
  text: string;
  onSent: () => void;
}

const NORMAL_CLOSURE = 1000;
const ABNORMAL_CLOSURE = 1006;

/** One WebSocket to the gateway, paced below the server's message limit. It never reconnects. */
export class SignalingSocket {
  readonly #options: SocketOptions;
  readonly #socket: WebSocket;
  readonly #outbox: Outgoing[] = [];
  readonly #pace = new Pace(performance.now());
  readonly #openTimer: ReturnType<typeof setTimeout>;
  #paceTimer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** Throws what WebSocket throws for a bad `url`. */
  constructor(options: SocketOptions) {
    this.#options = options;
    this.#socket = new (options.webSocket ?? WebSocket)(options.url);
    this.#openTimer = setTimeout(() => this.abandon(), options.openWithinMs);
    this.#socket.onopen = () => this.#onOpen();
    this.#socket.onmessage = (message) => this.#receive(message.data);
    // A close event follows every error and says more; without a listener some environments throw.
    this.#socket.onerror = () => {};
    this.#socket.onclose = (event) => this.#finish(event.code);
  }

  /** Sends in the order of the calls, once the socket is open; `onSent` says when that was. */
  send(envelope: Envelope, onSent: () => void = () => {}): void {
    this.#outbox.push({ text: JSON.stringify(envelope), onSent });
    this.#flush();
  }

  /** Says one last thing before everything that waits, and closes. */
  closeWith(envelope: Envelope): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(JSON.stringify(envelope));
    this.#socket.close(NORMAL_CLOSURE);
    this.#finish(NORMAL_CLOSURE);
  }

  /** Gives a socket up that no longer answers: the close handshake would not end either. */
  abandon(): void {
    this.#socket.close();
    this.#finish(ABNORMAL_CLOSURE);
  }

  #onOpen(): void {
    clearTimeout(this.#openTimer);
    if (this.#closed) return;
    this.#options.onOpen();
    this.#flush();
  }

  #flush(): void {
    if (this.#paceTimer !== undefined || this.#socket.readyState !== this.#socket.OPEN) return;
    for (let next = this.#outbox[0]; next && !this.#closed; next = this.#outbox[0]) {
      const waitMs = this.#pace.take(performance.now());
      if (waitMs > 0) {
        this.#paceTimer = setTimeout(() => {
          this.#paceTimer = undefined;
          this.#flush();
        }, waitMs);
        return;
      }
      this.#outbox.shift();
      this.#socket.send(next.text);
      next.onSent();
    }
  }

  #receive(data: unknown): void {
    const envelope = parse(data);
    if (envelope && !this.#closed) this.#options.onEnvelope(envelope);
  }

  #finish(code: number): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#openTimer);
    clearTimeout(this.#paceTimer);
    this.#outbox.length = 0;
    this.#options.onClosed(code);
  }
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

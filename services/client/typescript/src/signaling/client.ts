import { backoffMs } from "./backoff.js";
import { announced, type Closing, closingOf } from "./closing.js";
import { closedEnding, type Ending, endingOf, remedyOf } from "./ending.js";
import { Entrance } from "./entrance.js";
import { CallError } from "./error.js";
import { HEARTBEAT, Heartbeat, type HeartbeatTimes } from "./heartbeat.js";
import type {
  AuthResponse,
  Envelope,
  Events,
  RequestPayload,
  RequestType,
  Result,
  RoomState,
  SignalingEvent,
} from "./message.js";
import { judge, type Position } from "./position.js";
import { envelopeOf, OpenRequests } from "./request.js";
import { SignalingSocket } from "./socket.js";

/**
 * How the way to the server stands, once in the room:
 *
 * - `ok`: messages get through.
 * - `lost`: they do not; the client is coming back by itself. Media goes on where the network lets it.
 * - `troubled`: the server answers, but not the part of it that carries sound and picture.
 */
export type Connection = "ok" | "lost" | "troubled";

export interface SignalingOptions {
  /** `ws:` or `wss:` address of the gateway. */
  url: string;
  token: string;
  roomId: string;
  displayName: string;
  onAuthenticated: (response: AuthResponse) => void;
  /** In the waiting room, until a moderator decides. */
  onWaiting: () => void;
  /** The room on joining, and later in place of events that could not be told. */
  onState: (state: RoomState) => void;
  /** Every state event once and in order, through every resuming, and the other events. */
  onEvent: (event: SignalingEvent) => void;
  onConnection: (connection: Connection) => void;
  /** Called once, when the session cannot go on; not after `leave`. */
  onEnded: (ending: Ending) => void;
  /** Deadline of opening a socket and of each answer, in milliseconds. */
  answerWithinMs?: number;
  heartbeat?: HeartbeatTimes;
  /** For environments without a global WebSocket. */
  webSocket?: typeof WebSocket;
}

const ANSWER_WITHIN_MS = 10_000;
// After this long on one connection the next loss is a new one and not the same again.
const STABLE_MS = 10_000;
// The server's last words, a moderator's perhaps, follow these refusals.
const WORDS_FOLLOW: ReadonlySet<string> = new Set(["REJECTED", "WAITED_TOO_LONG", "KICKED"]);

/**
 * One session with the gateway, over as many sockets as it takes. It joins once; whenever a socket
 * breaks it comes back and goes on where it was: no event is missed or doubled, and a request without
 * an answer is sent again, unchanged.
 */
export class SignalingClient {
  readonly #options: SignalingOptions;
  readonly #answerWithinMs: number;
  readonly #requests: OpenRequests;
  #socket: SignalingSocket | undefined;
  #entrance: Entrance | undefined;
  #heartbeat: Heartbeat | undefined;
  #resumeToken: string | undefined;
  #position: Position | undefined;
  // The present socket is in the room.
  #isIn = false;
  #enteredAtMs = 0;
  #closing: Closing | undefined;
  #isOver = false;
  #connection: Connection = "ok";
  #failures = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;

  /** Throws what WebSocket throws for a bad `url`. */
  constructor(options: SignalingOptions) {
    this.#options = options;
    this.#answerWithinMs = options.answerWithinMs ?? ANSWER_WITHIN_MS;
    this.#requests = new OpenRequests(this.#answerWithinMs);
    this.#dial();
  }

  /** Whether the session is over, as `onEnded` told or `leave` wished. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether messages can get through at the moment. */
  get isIn(): boolean {
    return this.#isIn;
  }

  /**
   * Sends a request, at once or as soon as the client is in the room (again), and waits for its
   * reply. Rejects with a CallError only: TIMEOUT where no answer comes in time on a connection, or
   * within a minute without one; CLOSED when the session is over.
   */
  request<T extends RequestType>(type: T, payload: RequestPayload<T>): Promise<Result<T>> {
    if (this.#isOver) return Promise.reject(sessionOver());
    const { envelope, reply } = this.#requests.add(type, payload);
    if (this.#isIn) this.#post(envelope);
    return reply;
  }

  /** The network may be back, or may have changed: does not wait for a timer to find out. */
  probe(): void {
    if (this.#retryTimer !== undefined) this.#dial();
    else this.#heartbeat?.ask();
  }

  /** Leaves the room without waiting for the reply, then closes: for a page that goes away. */
  leave(): void {
    if (this.#isOver) return;
    this.#finish();
    this.#socket?.closeWith(envelopeOf("room:leave"));
  }

  #dial(): void {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    this.#closing = undefined;
    const { url, webSocket } = this.#options;
    const send = (envelope: Envelope) => this.#socket?.send(envelope);
    const onSilent = () => this.#socket?.abandon();
    const entrance = new Entrance(
      this.#credentials(),
      {
        send,
        onSilent,
        onAuthenticated: (response) => this.#onAuthenticated(response),
        onEntered: () => this.#onEntered(),
        onRefused: (error) => this.#onRefused(error),
      },
      this.#answerWithinMs,
    );
    this.#entrance = entrance;
    const onWorker = (isAlive: boolean) => this.#onWorker(isAlive);
    const times = this.#options.heartbeat ?? HEARTBEAT;
    this.#heartbeat = new Heartbeat({ send, onSilent, onWorker }, times);
    this.#socket = new SignalingSocket({
      url,
      openWithinMs: this.#answerWithinMs,
      onOpen: () => entrance.begin(),
      onEnvelope: (envelope) => this.#receive(envelope),
      onClosed: (code) => this.#onClosed(code),
      ...(webSocket && { webSocket }),
    });
  }

  #credentials() {
    const { token, roomId, displayName } = this.#options;
    if (this.#resumeToken === undefined || !this.#position) return { token, roomId, displayName };
    return { resumeToken: this.#resumeToken, position: this.#position };
  }

  get #isResumable(): boolean {
    return this.#resumeToken !== undefined && this.#position !== undefined;
  }

  #receive(envelope: Envelope): void {
    if (this.#isOver) return;
    // The reply to `room:join` too: the events after it come in the same instant.
    if (envelope.type === "room:state") this.#onState(envelope.payload as RoomState);
    if (envelope.correlationId === undefined) this.#onUnasked(envelope);
    else if (!this.#entrance?.take(envelope) && !this.#heartbeat?.take(envelope)) {
      this.#requests.settle(envelope);
    }
  }

  #onState(state: RoomState): void {
    const isNewEpoch = this.#position !== undefined && this.#position.epoch !== state.epoch;
    this.#position = { epoch: state.epoch, seq: state.seq };
    if (state.resumeToken !== undefined) this.#resumeToken = state.resumeToken;
    // What was asked concerned things that are gone with the room's worker.
    if (isNewEpoch) this.#requests.fail(sessionOver());
    this.#options.onState(state);
  }

  #onUnasked({ type, payload, epoch, seq }: Envelope): void {
    switch (type) {
      case "room:state":
      // An error without a correlation id answers a frame that could not be read; the close code
      // that follows says the rest.
      case "error":
        return;
      case "session:closing":
        this.#closing = announced(payload as Events["session:closing"]);
        return;
      case "session:renewed":
        this.#resumeToken = (payload as Events["session:renewed"]).resumeToken;
        return;
      case "room:waiting":
        this.#entrance?.wait();
        this.#heartbeat?.start();
        this.#options.onWaiting();
        return;
    }
    if (seq === undefined || this.#isNext(epoch, seq)) {
      this.#options.onEvent({ type, payload, epoch, seq } as SignalingEvent);
    }
  }

  #isNext(epoch: string | undefined, seq: number): boolean {
    // What comes before the first state is part of it.
    if (!this.#position) return false;
    const verdict = judge(this.#position, { epoch, seq });
    if (verdict === "next") this.#position = { epoch: this.#position.epoch, seq };
    // The server tells again what is missing.
    if (verdict === "gap") this.#socket?.abandon();
    return verdict === "next";
  }

  #onAuthenticated(response: AuthResponse): void {
    if (response.resumeToken !== undefined) this.#resumeToken = response.resumeToken;
    this.#options.onAuthenticated(response);
  }

  #onEntered(): void {
    if (this.#isOver) return;
    this.#isIn = true;
    this.#enteredAtMs = performance.now();
    this.#heartbeat?.start();
    for (const envelope of this.#requests.unanswered) this.#post(envelope);
    this.#become("ok");
  }

  #onRefused(error: CallError): void {
    if (!this.#isResumable) {
      if (!WORDS_FOLLOW.has(error.reason)) this.#end(endingOf(error));
      return;
    }
    const remedy = remedyOf(error);
    if (remedy !== "resume") {
      this.#end({ ...endingOf(error), retry: remedy === "rejoin" });
      return;
    }
    const { code, reason, words, retryAfterMs: afterMs = 0 } = error;
    this.#closing = { reason, words, remedy, afterMs, isTrouble: code === "UNAVAILABLE" };
    this.#socket?.abandon();
  }

  #onWorker(isAlive: boolean): void {
    if (this.#isIn) this.#become(isAlive ? "ok" : "troubled");
  }

  #onClosed(code: number): void {
    this.#entrance?.stop();
    this.#heartbeat?.stop();
    if (this.#isOver) return;
    this.#requests.hold();
    const closing = this.#closing ?? closingOf(code, this.#isResumable);
    if (!this.#isResumable || closing.remedy !== "resume") {
      this.#end(closedEnding(closing));
      return;
    }
    if (this.#isIn && performance.now() - this.#enteredAtMs > STABLE_MS) this.#failures = 0;
    this.#isIn = false;
    this.#failures += 1;
    const waitMs = backoffMs(this.#failures, Math.random(), closing.afterMs);
    this.#retryTimer = setTimeout(() => this.#dial(), waitMs);
    this.#become(closing.isTrouble ? "troubled" : "lost");
  }

  #post(envelope: Envelope): void {
    this.#socket?.send(envelope, () => this.#requests.sent(envelope));
  }

  #become(connection: Connection): void {
    if (this.#connection === connection || this.#isOver) return;
    this.#connection = connection;
    this.#options.onConnection(connection);
  }

  #end(ending: Ending): void {
    if (this.#isOver) return;
    this.#finish();
    this.#socket?.abandon();
    this.#options.onEnded(ending);
  }

  #finish(): void {
    this.#isOver = true;
    this.#isIn = false;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    this.#entrance?.stop();
    this.#heartbeat?.stop();
    this.#requests.fail(sessionOver());
  }
}

function sessionOver(): CallError {
  return new CallError("CLOSED", "SESSION_OVER", "The session has ended.");
}

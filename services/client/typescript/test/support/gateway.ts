import type { AddressInfo } from "node:net";
import { type WebSocket as ServerSocket, WebSocketServer } from "ws";
import type { Envelope } from "../../src/signaling/message.js";

/** A request as it came in, with the means to answer it. */
export interface Received {
  envelope: Envelope;
  payload: Record<string, unknown>;
  socket: ServerSocket;
  reply: (type: string, payload: unknown) => void;
  refuse: (code: string, reason: string, details?: Record<string, unknown>) => void;
}

type Answer = (request: Received) => void;

/** A WebSocket server on loopback that answers each type of request as the test says. */
export class ScriptedGateway {
  readonly requests: Received[] = [];
  readonly sockets = new Set<ServerSocket>();
  readonly #server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  readonly #answers = new Map<string, Answer>();

  private constructor() {
    this.#server.on("connection", (socket) => {
      this.sockets.add(socket);
      socket.on("close", () => this.sockets.delete(socket));
      socket.on("message", (data) => this.#receive(socket, String(data)));
    });
  }

  static async listen(): Promise<ScriptedGateway> {
    const gateway = new ScriptedGateway();
    await new Promise((resolve) => gateway.#server.once("listening", resolve));
    return gateway;
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/ws`;
  }

  /** Types of all requests so far, in their order. */
  get types(): string[] {
    return this.requests.map(({ envelope }) => envelope.type);
  }

  on(type: string, answer: Answer): this {
    this.#answers.set(type, answer);
    return this;
  }

  /** What a type of request is answered with so far. */
  answerTo(type: string): Answer {
    return this.#answers.get(type) ?? (() => {});
  }

  /** Sends an event to every client. */
  tell(type: string, payload: unknown, position: { epoch?: string; seq?: number } = {}): void {
    const text = JSON.stringify({ type, payload, timestamp: Date.now(), ...position });
    for (const socket of this.sockets) socket.send(text);
  }

  sendRaw(text: string): void {
    for (const socket of this.sockets) socket.send(text);
  }

  hangUp(code: number): void {
    for (const socket of this.sockets) socket.close(code);
  }

  /** Cuts every connection without a closing handshake. */
  cut(): void {
    for (const socket of this.sockets) socket.terminate();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #receive(socket: ServerSocket, text: string): void {
    const envelope = JSON.parse(text) as Envelope;
    const send = (type: string, payload: unknown) =>
      socket.send(
        JSON.stringify({
          type,
          payload,
          timestamp: Date.now(),
          correlationId: envelope.correlationId,
        }),
      );
    const received: Received = {
      envelope,
      payload: (envelope.payload ?? {}) as Record<string, unknown>,
      socket,
      reply: send,
      refuse: (code, reason, details = {}) =>
        send("error", { code, message: "No.", details: { reason, ...details } }),
    };
    this.requests.push(received);
    this.#answers.get(envelope.type)?.(received);
  }
}

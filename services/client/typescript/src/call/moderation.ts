import type { RequestPayload, RequestType, Result } from "../signaling/message.js";

export type Ask = <T extends RequestType>(
  type: T,
  payload: RequestPayload<T>,
) => Promise<Result<T>>;

/**
 * What a moderator may do. Everything rejects with a CallError: of code FORBIDDEN and reason
 * NOT_A_MODERATOR for others, NOT_FOUND for a peer that is gone, CLOSED before the room is joined.
 * To repeat a decision that holds already does nothing.
 */
export class Moderation {
  readonly #ask: Ask;
  readonly #onLocked: (locked: boolean) => void;

  /** `onLocked`: the server tells the lock to all but the one who asked for it. */
  constructor(ask: Ask, onLocked: (locked: boolean) => void) {
    this.#ask = ask;
    this.#onLocked = onLocked;
  }

  /** Pauses all sound of a user, on every device, and what it publishes later. */
  async mute(peerId: string): Promise<void> {
    await this.#ask("peer:mute", { peerId });
  }

  /** Ends that. What the user has paused itself stays paused. */
  async unmute(peerId: string): Promise<void> {
    await this.#ask("peer:unmute", { peerId });
  }

  /** Removes a user with all its devices and keeps it out; `reason` is shown to it. */
  async kick(peerId: string, reason?: string): Promise<void> {
    await this.#ask("peer:kick", { peerId, ...(reason && { reason }) });
  }

  /** Pauses somebody else's camera, screen or microphone, so that its owner cannot resume it. */
  async pauseProducer(producerId: string): Promise<void> {
    await this.#ask("producer:pause", { producerId });
  }

  /** Ends that. Of reason PEER_MUTED where it takes `unmute`. */
  async resumeProducer(producerId: string): Promise<void> {
    await this.#ask("producer:resume", { producerId });
  }

  /** Lets in one who waits. Of code ROOM_FULL where there is no seat. */
  async admit(peerId: string): Promise<void> {
    await this.#ask("peer:admit", { peerId });
  }

  /** Sends one who waits away; it may try again. `reason` is shown to it. */
  async reject(peerId: string, reason?: string): Promise<void> {
    await this.#ask("peer:reject", { peerId, ...(reason && { reason }) });
  }

  /** Lets nobody new in. Who is in the room, or was, may come back. */
  async lock(): Promise<void> {
    await this.#ask("room:lock", undefined);
    this.#onLocked(true);
  }

  async unlock(): Promise<void> {
    await this.#ask("room:unlock", undefined);
    this.#onLocked(false);
  }
}

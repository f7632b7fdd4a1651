import type { Participant, ProducerInfo } from "../signaling/message.js";
import type { Roster } from "./roster.js";

/** How a producer is to be received. */
export interface Wish {
  /** The layer to receive, 0 the lowest; absent, or too high: the best there is. */
  spatialLayer?: number;
}

/** A wish with all that was asked for since, as the server is to know it. */
export interface Want {
  /** May be above the highest there is. */
  layer: number;
  paused: boolean;
}

/** Whether, and how, to receive a producer; asked again whenever the roster changes. */
export type Wants = (participant: Participant, producer: ProducerInfo) => boolean | Wish;

const BEST = Number.POSITIVE_INFINITY;

/** What was asked for single producers; it outlives a session, and ends with the producer. */
export class Preferences {
  readonly #layers = new Map<string, number>();
  readonly #paused = new Set<string>();

  prefer(producerId: string, layer: number): void {
    this.#layers.set(producerId, layer);
  }

  setPaused(producerId: string, paused: boolean): void {
    if (paused) this.#paused.add(producerId);
    else this.#paused.delete(producerId);
  }

  /** What follows from a page's wish and from what was asked for since; undefined: nothing wanted. */
  want(producerId: string, wish: boolean | Wish): Want | undefined {
    if (wish === false) return undefined;
    const wished = wish === true ? undefined : wish.spatialLayer;
    const layer = this.#layers.get(producerId) ?? wished ?? BEST;
    return { layer: whole(layer), paused: this.#paused.has(producerId) };
  }

  /** Forgets what was asked for producers that are not there. */
  keep(roster: Roster): void {
    const present = new Set<string>();
    for (const { producers } of roster.values()) {
      for (const { producerId } of producers) present.add(producerId);
    }
    for (const producerId of [...this.#layers.keys(), ...this.#paused]) {
      if (present.has(producerId)) continue;
      this.#layers.delete(producerId);
      this.#paused.delete(producerId);
    }
  }
}

/** A layer that the protocol can say: not negative, no fraction. */
function whole(layer: number): number {
  return layer > 0 ? Math.floor(layer) : 0;
}

import type { Participant, RemoteTrack } from "@invigil/client";
import { Tile } from "./tile";

const TICK_MS = 200;
const ANIMATION_MS = 220;

/** A tile per peer. Tiles keep their place; when one goes, those after it glide up. */
export class TileGrid {
  readonly #root: HTMLElement;
  readonly #onBlocked: () => void;
  readonly #tiles = new Map<string, Tile>();
  #sound: boolean;

  constructor(root: HTMLElement, options: { sound: boolean; onBlocked: () => void }) {
    this.#root = root;
    this.#sound = options.sound;
    this.#onBlocked = options.onBlocked;
    setInterval(() => {
      const nowMs = performance.now();
      for (const tile of this.#tiles.values()) tile.tick(nowMs);
    }, TICK_MS);
  }

  get size(): number {
    return this.#tiles.size;
  }

  /** Shows exactly these peers. */
  update(participants: readonly Participant[]): void {
    const present = new Set(participants.map(({ peerId }) => peerId));
    const gone = [...this.#tiles].filter(([peerId]) => !present.has(peerId));
    if (gone.length > 0) {
      const before = this.#places();
      for (const [peerId, tile] of gone) this.#remove(peerId, tile);
      this.#glide(before);
    }
    for (const participant of participants) {
      const tile = this.#tiles.get(participant.peerId);
      if (tile) tile.update(participant);
      else this.#append(participant);
    }
  }

  add(track: RemoteTrack): void {
    this.#tiles.get(track.peerId)?.add(track);
  }

  remove(track: RemoteTrack): void {
    this.#tiles.get(track.peerId)?.remove(track);
  }

  /** Sound of all tiles, and of those to come. */
  setSound(on: boolean): void {
    this.#sound = on;
    for (const tile of this.#tiles.values()) tile.setSound(on);
  }

  #append(participant: Participant): void {
    const tile = new Tile(participant, this.#onBlocked);
    tile.setSound(this.#sound);
    this.#tiles.set(participant.peerId, tile);
    this.#root.append(tile.root);
    animate(tile, [{ opacity: 0 }, { opacity: 1 }]);
  }

  #remove(peerId: string, tile: Tile): void {
    this.#tiles.delete(peerId);
    tile.root.remove();
    tile.close();
  }

  #places(): Map<Tile, DOMRect> {
    return new Map(
      Array.from(this.#tiles.values(), (tile) => [tile, tile.root.getBoundingClientRect()]),
    );
  }

  #glide(before: Map<Tile, DOMRect>): void {
    for (const tile of this.#tiles.values()) {
      const old = before.get(tile);
      if (!old) continue;
      const place = tile.root.getBoundingClientRect();
      const [x, y] = [old.left - place.left, old.top - place.top];
      if (x === 0 && y === 0) continue;
      animate(tile, [{ transform: `translate(${x}px, ${y}px)` }, { transform: "none" }]);
    }
  }
}

function animate(tile: Tile, frames: Keyframe[]): void {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  tile.root.animate(frames, { duration: ANIMATION_MS, easing: "ease-out" });
}

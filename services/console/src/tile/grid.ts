import type { Participant, RemoteTrack, Speaker } from "@invigil/client";
import { Tile } from "./tile";

const TICK_MS = 200;
const ANIMATION_MS = 220;

export interface GridOptions {
  /** Whether tiles play sound from the first. */
  sound: boolean;
  /** The browser wants a gesture before it plays sound. */
  onBlocked: () => void;
  /** What is said of somebody has changed. */
  onChange?: () => void;
  /** Somebody's tile was pressed; without it tiles are no buttons. */
  onOpen?: (peerId: string) => void;
  /** The button for more of somebody's tile was pressed; without it there is none. */
  onMore?: (peerId: string, anchor: HTMLElement) => void;
  onAdded?: (tile: Tile) => void;
  onRemoved?: (tile: Tile) => void;
  /** Tiles have come or gone, and are to be laid out. */
  onCount?: () => void;
}

/** A tile per peer, in the order of coming. Tiles keep their place; when one goes, others glide up. */
export class TileGrid {
  readonly #root: HTMLElement;
  readonly #options: GridOptions;
  readonly #tiles = new Map<string, Tile>();
  readonly #tileByRoot = new WeakMap<Element, Tile>();
  #sound: boolean;
  #speaker = "";
  // By peer id, also of those who have no tile yet.
  #speaking: ReadonlySet<string> = new Set();

  constructor(root: HTMLElement, options: GridOptions) {
    this.#root = root;
    this.#options = options;
    this.#sound = options.sound;
    setInterval(() => {
      const nowMs = performance.now();
      for (const tile of this.#tiles.values()) tile.tick(nowMs);
    }, TICK_MS);
  }

  /** In the order in which they stand. */
  get tiles(): readonly Tile[] {
    return Array.from(this.#root.children, (child) => this.#tileByRoot.get(child)).filter(
      (tile) => tile !== undefined,
    );
  }

  tile(peerId: string | undefined): Tile | undefined {
    return peerId === undefined ? undefined : this.#tiles.get(peerId);
  }

  /** Shows exactly these peers. */
  update(participants: readonly Participant[]): void {
    const present = new Set(participants.map(({ peerId }) => peerId));
    const gone = [...this.#tiles].filter(([peerId]) => !present.has(peerId));
    const come = participants.filter(({ peerId }) => !this.#tiles.has(peerId));
    for (const participant of participants)
      this.#tiles.get(participant.peerId)?.update(participant);
    if (gone.length === 0 && come.length === 0) return;
    this.glide(() => {
      for (const participant of come) this.#append(participant, this.#seatOf(participant, gone));
      for (const [peerId, tile] of gone) this.#remove(peerId, tile);
      this.#options.onCount?.();
    });
  }

  /** The tile of the same person that goes at the same time, whose place is taken. */
  #seatOf({ userId }: Participant, gone: readonly (readonly [string, Tile])[]): Tile | undefined {
    return gone.find(([, { participant }]) => participant.userId === userId)?.[1];
  }

  /** Does something that may move tiles, and lets them glide to their new places. */
  glide(change: () => void): void {
    const before = new Map(this.tiles.map((tile) => [tile, tile.root.getBoundingClientRect()]));
    change();
    for (const [tile, old] of before) {
      if (!tile.root.isConnected || old.width === 0) continue;
      const place = tile.root.getBoundingClientRect();
      if (place.width === 0) continue;
      const [x, y] = [old.left - place.left, old.top - place.top];
      const scale = old.width / place.width;
      if (x === 0 && y === 0 && scale === 1) continue;
      const from = `translate(${x}px, ${y}px) scale(${scale})`;
      animate(tile, [
        { transform: from, transformOrigin: "0 0" },
        { transform: "none", transformOrigin: "0 0" },
      ]);
    }
  }

  add(track: RemoteTrack): void {
    this.#tiles.get(track.peerId)?.add(track);
  }

  remove(track: RemoteTrack): void {
    this.#tiles.get(track.peerId)?.remove(track);
  }

  setLayer(track: RemoteTrack): void {
    this.#tiles.get(track.peerId)?.setLayer(track);
  }

  /** These speak, and nobody else. */
  setSpeaking(speakers: readonly Speaker[]): void {
    this.#speaking = new Set(speakers.map(({ peerId }) => peerId));
    for (const [peerId, tile] of this.#tiles) tile.setSpeaking(this.#speaking.has(peerId));
  }

  /** Sound of all tiles, and of those to come. */
  setSound(on: boolean): void {
    this.#sound = on;
    for (const tile of this.#tiles.values()) tile.setSound(on);
  }

  setSpeaker(deviceId: string): void {
    this.#speaker = deviceId;
    for (const tile of this.#tiles.values()) tile.setSpeaker(deviceId);
  }

  #append(participant: Participant, seat: Tile | undefined): void {
    const { onOpen, onMore, onBlocked, onChange } = this.#options;
    const tile = new Tile(participant, {
      onBlocked,
      ...(onChange && { onChange }),
      ...(onOpen && { onOpen: () => onOpen(participant.peerId) }),
      ...(onMore && { onMore: (anchor: HTMLElement) => onMore(participant.peerId, anchor) }),
    });
    tile.setSound(this.#sound);
    tile.setSpeaking(this.#speaking.has(participant.peerId));
    if (this.#speaker) tile.setSpeaker(this.#speaker);
    this.#tiles.set(participant.peerId, tile);
    this.#tileByRoot.set(tile.root, tile);
    if (seat) seat.root.before(tile.root);
    else this.#root.append(tile.root);
    this.#options.onAdded?.(tile);
    animate(tile, [{ opacity: 0 }, { opacity: 1 }]);
  }

  #remove(peerId: string, tile: Tile): void {
    this.#tiles.delete(peerId);
    this.#options.onRemoved?.(tile);
    tile.root.remove();
    tile.close();
  }
}

function animate(tile: Tile, frames: Keyframe[]): void {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  tile.root.animate(frames, { duration: ANIMATION_MS, easing: "ease-out" });
}

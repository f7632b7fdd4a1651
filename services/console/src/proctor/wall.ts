import type { Participant } from "@invigil/client";
import { part } from "../page/dom";
import { type Arrangement, arrange, type Direction, layerOf, step } from "../tile/geometry";
import { TileGrid } from "../tile/grid";
import type { Tile } from "../tile/tile";
import { isMeant } from "../words/tile";

const ASPECT = 16 / 9;
// CSS pixels: a face can still be read. Narrow windows get two columns at least.
const LEAST_WIDTH = 208;
const LEAST_WIDTH_NARROW = 148;
const NARROW = 600;

const DIRECTIONS: Readonly<Record<string, Direction>> = {
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
  Home: "first",
  End: "last",
};

export interface WallEvents {
  onBlocked: () => void;
  onChange: () => void;
  onOpen: (peerId: string) => void;
  onMore: (peerId: string, anchor: HTMLElement) => void;
  /** Which candidates are in view has changed, or how large they are. */
  onView: () => void;
}

/** All candidates: tiles as large as fit, which keys lead through. */
export class Wall {
  readonly grid: TileGrid;
  readonly #root = part("grid");
  readonly #events: WallEvents;
  readonly #inView = new Set<string>();
  readonly #observer: IntersectionObserver;
  #arrangement: Arrangement | undefined;
  #typed = "";
  #reachable: Tile | undefined;

  constructor(events: WallEvents) {
    this.#events = events;
    this.#observer = new IntersectionObserver((entries) => this.#look(entries), {
      root: this.#root,
      // Starts a little before it is seen.
      rootMargin: "80px",
    });
    this.grid = new TileGrid(this.#root, {
      sound: false,
      onBlocked: events.onBlocked,
      onChange: events.onChange,
      onOpen: events.onOpen,
      onMore: events.onMore,
      onAdded: (tile) => this.#added(tile),
      onRemoved: (tile) => this.#removed(tile),
      onCount: () => this.#arrange(),
    });
    new ResizeObserver(() => this.#arrange()).observe(this.#root);
    this.#root.addEventListener("keydown", (event) => this.#onKey(event));
    this.#root.addEventListener("focusin", ({ target }) => this.#onFocus(target));
  }

  update(candidates: readonly Participant[]): void {
    this.grid.update(candidates);
  }

  isInView(peerId: string): boolean {
    return this.#inView.has(peerId);
  }

  /** The layer that suits the tiles' present size. */
  get layer(): number {
    return layerOf((this.#arrangement?.width ?? 0) * devicePixelRatio);
  }

  /** Shows only those who are meant by what was typed; returns how many. */
  filter(typed: string): number {
    this.#typed = typed.trim();
    this.#arrange();
    return this.#shown().length;
  }

  /** Brings a tile into view and puts the focus on it. */
  jumpTo(peerId: string): void {
    const tile = this.grid.tile(peerId);
    tile?.root.scrollIntoView({ block: "nearest" });
    tile?.focus();
  }

  #shown(): Tile[] {
    return this.grid.tiles.filter(({ root }) => !root.hidden);
  }

  #arrange(): void {
    for (const { root, participant } of this.grid.tiles) {
      root.hidden = this.#typed !== "" && !isMeant(participant.displayName, this.#typed);
    }
    const style = getComputedStyle(this.#root);
    const gap = Number.parseFloat(style.columnGap) || 0;
    const padding = Number.parseFloat(style.paddingLeft) || 0;
    const width = this.#root.clientWidth - 2 * padding;
    const box = { width, height: this.#root.clientHeight - 2 * padding };
    const least = width < NARROW ? LEAST_WIDTH_NARROW : LEAST_WIDTH;
    const rules = { gap, aspect: ASPECT, least };
    const found = arrange(this.#shown().length, box, rules, this.#arrangement);
    this.#arrangement = found;
    this.#root.style.setProperty("--columns", String(found.columns));
    this.#root.style.setProperty("--tile-width", `${found.width}px`);
    this.#root.dataset.scrolls = String(found.scrolls);
    this.#keepReachable();
    this.#events.onView();
  }

  #added(tile: Tile): void {
    tile.setReachable(false);
    // In view until the observer says otherwise: the first picture does not wait for it.
    this.#inView.add(tile.participant.peerId);
    this.#observer.observe(tile.root);
  }

  #removed(tile: Tile): void {
    this.#observer.unobserve(tile.root);
    this.#inView.delete(tile.participant.peerId);
  }

  #look(entries: readonly IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      const peerId = (target as HTMLElement).dataset.peerId ?? "";
      if (isIntersecting) this.#inView.add(peerId);
      else this.#inView.delete(peerId);
    }
    this.#events.onView();
  }

  #onKey(event: KeyboardEvent): void {
    const direction = DIRECTIONS[event.key];
    if (!direction || event.altKey || event.ctrlKey || event.metaKey) return;
    const shown = this.#shown();
    const index = shown.findIndex(({ root }) => root.contains(event.target as Node));
    if (index < 0) return;
    event.preventDefault();
    const columns = this.#arrangement?.columns ?? 1;
    shown[step(index, direction, shown.length, columns)]?.focus();
  }

  #onFocus(target: EventTarget | null): void {
    const tile = this.grid.tiles.find(({ root }) => root.contains(target as Node));
    if (tile) this.#makeReachable(tile);
  }

  /** One tile is in the order of the tabulator key; arrows lead to the others. */
  #keepReachable(): void {
    const shown = this.#shown();
    const isThere = this.#reachable && shown.includes(this.#reachable);
    if (!isThere && shown[0]) this.#makeReachable(shown[0]);
  }

  #makeReachable(tile: Tile): void {
    if (this.#reachable === tile) return;
    this.#reachable?.setReachable(false);
    this.#reachable = tile;
    tile.setReachable(true);
  }
}

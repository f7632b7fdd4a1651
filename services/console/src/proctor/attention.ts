import { element, part, say } from "../page/dom";
import type { Tile } from "../tile/tile";

const MOST = 4;

/** Who needs a look: lost, stopped or switched off, or with a hand up. Tiles do not move for it; a press leads there. */
export class Attention {
  readonly #root = part("attention");
  readonly #onJump: (peerId: string) => void;
  #shown = "";

  constructor(onJump: (peerId: string) => void) {
    this.#onJump = onJump;
  }

  update(tiles: readonly Tile[]): void {
    const found = [
      ...tiles.filter(({ statement }) => statement.hand === "up").map(raised),
      ...tiles
        .filter(({ statement: { tone } }) => tone === "bad" || tone === "warning")
        .map(stated),
    ];
    const key = JSON.stringify(found);
    if (key === this.#shown) return;
    this.#shown = key;
    const chips = found.slice(0, MOST).map(({ peerId, displayName, tone, words }) => {
      const chip = element(
        "button",
        { type: "button", class: "chip", "data-testid": "attention-item", "data-tone": tone },
        element("span", { class: "chip-name" }, displayName),
        element("span", { class: "chip-words" }, words),
      );
      chip.addEventListener("click", () => this.#onJump(peerId));
      return chip;
    });
    const rest = found.length - chips.length;
    if (rest > 0) chips.push(this.#more(rest, found[MOST]?.peerId ?? ""));
    const focused = this.#root.contains(document.activeElement);
    this.#root.replaceChildren(...chips);
    if (focused) chips[0]?.focus();
    const count = new Set(found.map(({ peerId }) => peerId)).size;
    const people = count === 1 ? "1 candidate needs" : `${count} candidates need`;
    say(part("attention-words"), count > 0 ? `${people} a look.` : "");
  }

  #more(rest: number, peerId: string): HTMLButtonElement {
    const words = `and ${rest} more`;
    const chip = element("button", { type: "button", class: "chip" }, words);
    chip.addEventListener("click", () => this.#onJump(peerId));
    return chip;
  }
}

interface Concern {
  peerId: string;
  displayName: string;
  tone: string;
  words: string;
}

function stated({ participant, statement: { tone, words } }: Tile): Concern {
  return { peerId: participant.peerId, displayName: participant.displayName, tone, words };
}

function raised(tile: Tile): Concern {
  return { ...stated(tile), tone: "hand", words: "Hand raised" };
}

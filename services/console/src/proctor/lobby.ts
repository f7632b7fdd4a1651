import type { WaitingPeer } from "@invigil/client";
import { element, part, say } from "../page/dom";
import { waitingWords } from "../words/moderation";

export interface LobbyEvents {
  onAdmit: (peer: WaitingPeer) => void;
  onReject: (peer: WaitingPeer) => void;
  /** In the order of their coming. */
  onAdmitAll: (peers: readonly WaitingPeer[]) => void;
}

/** Who waits to be let in: a button that is there while anybody does, and the list behind it. */
export class Lobby {
  readonly #button = part<HTMLButtonElement>("lobby");
  readonly #popover = part("lobby-list");
  readonly #list = part("lobby-peers");
  readonly #all = part<HTMLButtonElement>("admit-all");
  readonly #events: LobbyEvents;
  readonly #rows = new Map<string, HTMLElement>();
  #waiting: readonly WaitingPeer[] = [];

  constructor(events: LobbyEvents) {
    this.#events = events;
    this.#all.addEventListener("click", () => events.onAdmitAll(this.#waiting));
  }

  /** In the order of their coming. */
  show(waiting: readonly WaitingPeer[]): void {
    this.#waiting = waiting;
    const present = new Set(waiting.map(({ peerId }) => peerId));
    for (const [peerId, row] of this.#rows) {
      if (!present.has(peerId)) this.#remove(peerId, row);
    }
    for (const peer of waiting) {
      if (!this.#rows.has(peer.peerId)) this.#append(peer);
    }
    this.#all.hidden = waiting.length < 2;
    this.#button.hidden = waiting.length === 0;
    say(part("lobby-label"), waitingWords(waiting.length));
    // What is in a button is not read out by itself, nor what is shown along with its first words.
    say(part("lobby-words"), waiting.length === 0 ? "" : waitingWords(waiting.length));
    if (waiting.length === 0 && this.#popover.matches(":popover-open")) this.#popover.hidePopover();
  }

  /** Back to the list from a question about this one, while anybody waits. */
  goOn(peerId: string): void {
    if (this.#waiting.length === 0) return;
    this.#popover.showPopover();
    const row = this.#rows.get(peerId) ?? this.#list.firstElementChild;
    row?.querySelector<HTMLElement>("button")?.focus();
  }

  #append(peer: WaitingPeer): void {
    const button = (testid: string, words: string, kind: string) =>
      element(
        "button",
        { type: "button", class: `button ${kind}`, "data-testid": testid },
        element("span", {}, words),
        element("span", { class: "visually-hidden" }, ` ${peer.displayName}`),
      );
    const reject = button("reject", "Turn away…", "button-small");
    const admit = button("admit", "Let in", "button-small button-primary");
    reject.addEventListener("click", () => this.#events.onReject(peer));
    admit.addEventListener("click", () => this.#events.onAdmit(peer));
    const name = element(
      "span",
      { class: "lobby-name", title: peer.displayName },
      peer.displayName,
    );
    const row = element(
      "li",
      { class: "lobby-row", "data-testid": "lobby-row" },
      name,
      reject,
      admit,
    );
    row.dataset.peerId = peer.peerId;
    this.#rows.set(peer.peerId, row);
    this.#list.append(row);
  }

  /** The focus goes on to whoever is next, so that the keyboard lets in one after the other. */
  #remove(peerId: string, row: HTMLElement): void {
    this.#rows.delete(peerId);
    const hadFocus = row.contains(document.activeElement);
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    if (hadFocus) next?.querySelector<HTMLElement>(".button-primary")?.focus();
  }
}

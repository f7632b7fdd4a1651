import type { Participant } from "@invigil/client";
import { element, icon, part } from "../page/dom";
import { actionsOn, type Deed } from "../words/moderation";

// CSS pixels between the menu and what it belongs to, and the window's edge.
const GAP = 6;

/** The menu of what can be done to a candidate. One for all tiles: only one is open at a time. */
export class Menu {
  readonly #root = part("actions");
  readonly #onChosen: (participant: Participant, deed: Deed) => void;
  #participant: Participant | undefined;
  #anchor: HTMLElement | undefined;
  // The button that the menu was open for when it was pressed: the browser closes it before the click.
  #closing: HTMLElement | undefined;

  constructor(onChosen: (participant: Participant, deed: Deed) => void) {
    this.#onChosen = onChosen;
    this.#root.addEventListener("keydown", (event) => this.#onKey(event));
    // `toggle` would come too late where a press on another button has closed it and opens it again.
    this.#root.addEventListener("beforetoggle", (event) => {
      if ((event as ToggleEvent).newState === "closed") this.#forget();
    });
    this.#root.addEventListener("toggle", (event) => {
      if ((event as ToggleEvent).newState !== "closed") return;
      // Where the choice has moved the focus on already, it stays there.
      const { activeElement } = document;
      if (!activeElement || activeElement === document.body) this.#anchor?.focus();
    });
    addEventListener("pointerdown", ({ target }) => this.#onPress(target as Node), true);
    addEventListener("keydown", () => this.#onPress(null), true);
  }

  /** Opens beside the button that was pressed, or stays closed if that press has closed it. */
  open(participant: Participant, anchor: HTMLElement): void {
    const isClosing = this.#closing === anchor;
    this.#closing = undefined;
    if (isClosing) return;
    this.#anchor = anchor;
    this.#fill(participant);
    this.#root.setAttribute("aria-label", `Actions for ${participant.displayName}`);
    this.#root.showPopover();
    anchor.setAttribute("aria-expanded", "true");
    this.#place(anchor);
    this.#items[0]?.focus();
  }

  /** What is known of the candidates has changed; a menu of one who is gone closes. */
  update(find: (peerId: string) => Participant | undefined): void {
    if (!this.#participant) return;
    const participant = find(this.#participant.peerId);
    if (!participant) this.#root.hidePopover();
    else if (participant !== this.#participant) this.#fill(participant);
  }

  #forget(): void {
    this.#anchor?.setAttribute("aria-expanded", "false");
    this.#participant = undefined;
  }

  #onPress(target: Node | null): void {
    const isOwn = this.#participant !== undefined && this.#anchor?.contains(target);
    this.#closing = isOwn ? this.#anchor : undefined;
  }

  get #items(): HTMLButtonElement[] {
    return [...this.#root.querySelectorAll("button")];
  }

  #fill(participant: Participant): void {
    const focused = this.#items.indexOf(document.activeElement as HTMLButtonElement);
    this.#participant = participant;
    const items = actionsOn(participant).map(({ deed, words, icon: name }) => {
      const attributes = { type: "button", class: "menu-item", role: "menuitem", tabindex: "-1" };
      const item = element("button", attributes, icon(name), words);
      item.dataset.deed = deed;
      item.dataset.testid = `action-${deed}`;
      item.addEventListener("click", () => {
        this.#root.hidePopover();
        this.#onChosen(participant, deed);
      });
      return item;
    });
    this.#root.replaceChildren(...items);
    if (focused >= 0) items[Math.min(focused, items.length - 1)]?.focus();
  }

  #place(anchor: HTMLElement): void {
    const at = anchor.getBoundingClientRect();
    const { width, height } = this.#root.getBoundingClientRect();
    const below = at.bottom + GAP + height <= innerHeight - GAP;
    const top = below ? at.bottom + GAP : Math.max(GAP, at.top - GAP - height);
    const left = Math.max(GAP, Math.min(at.left, innerWidth - width - GAP));
    this.#root.style.setProperty("--top", `${top}px`);
    this.#root.style.setProperty("--left", `${left}px`);
  }

  #onKey(event: KeyboardEvent): void {
    const items = this.#items;
    const index = items.indexOf(document.activeElement as HTMLButtonElement);
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: (index + 1) % items.length,
      ArrowUp: (index - 1 + items.length) % items.length,
      Home: 0,
      End: items.length - 1,
    };
    const next = steps[event.key];
    if (next !== undefined) {
      event.preventDefault();
      items[next]?.focus();
    } else if (event.key === "Tab") this.#root.hidePopover();
  }
}

import { element, part, say } from "../page/dom";
import { isTooLong, speechProblem, TOO_LONG, titleWords } from "../words/message";

// Older ones are let go: nobody scrolls back so far, and a page may be open for a day.
const KEPT = 200;
// Where the end of the list counts as in view, in CSS pixels.
const NEAR_END_PX = 24;

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

/** To whom a message goes. */
export interface Address {
  /** How its author is named above it, for example "You". */
  own: string;
  /** Rejects with a CallError where the server did not take it. */
  send: (text: string) => Promise<void>;
}

/** What is written here and comes from others: the card with the list and the field below it. */
export class Conversation {
  readonly #address: () => Address;
  readonly #card = part("conversation");
  readonly #composer = part("composer");
  readonly #list = part("messages");
  readonly #hint = part("messages-hint");
  readonly #field = part<HTMLTextAreaElement>("message-text");
  readonly #button = part<HTMLButtonElement>("message-send");
  readonly #problem = part("message-problem");
  readonly #title = document.title;
  #unread = 0;
  #isOpen = false;

  /** `address` is asked for each message that is written. */
  constructor(address: () => Address) {
    this.#address = address;
    this.#composer.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#field.addEventListener("input", () => this.#weigh());
    this.#field.addEventListener("keydown", (event) => {
      // Enter also ends the composing of a character, in many languages.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    });
    document.addEventListener("visibilitychange", () => this.#count(0));
  }

  /** `mayWrite`: there is a field to write in; `isOpen`: what is in it can be sent. */
  show(mayWrite: boolean, isOpen: boolean): void {
    this.#isOpen = isOpen;
    this.#composer.hidden = !mayWrite;
    this.#card.hidden = !mayWrite && this.#list.childElementCount === 0;
    this.#weigh();
  }

  /** Somebody has written; `from` is a name. */
  hear(from: string, text: string): void {
    this.#add(from, text, false);
    // Nothing moves where it is in view already.
    this.#card.scrollIntoView({ block: "nearest" });
    if (document.hidden) this.#count(this.#unread + 1);
  }

  /** Shows the newest; a list that was not shown has no place to be scrolled to. */
  toEnd(): void {
    this.#list.scrollTop = this.#list.scrollHeight;
  }

  #submit(): void {
    const text = this.#field.value.trim();
    if (!this.#mayBeSent(text)) return;
    this.#field.value = "";
    this.#weigh();
    const { own, send } = this.#address();
    const entry = this.#add(own, text, true);
    void this.#deliver(entry, () => send(text));
  }

  async #deliver(entry: HTMLElement, send: () => Promise<void>): Promise<void> {
    entry.dataset.state = "sending";
    entry.querySelector(".message-failed")?.remove();
    try {
      await send();
      entry.dataset.state = "sent";
    } catch (error) {
      entry.dataset.state = "failed";
      const again = element("button", { class: "message-again", type: "button" }, "Send again");
      again.addEventListener("click", () => {
        this.#field.focus();
        void this.#deliver(entry, send);
      });
      const words = `Not sent. ${speechProblem(error)} `;
      this.#keepingEnd(() => {
        entry.append(element("p", { class: "message-failed" }, words, again));
      });
    }
  }

  #add(from: string, text: string, isOwn: boolean): HTMLElement {
    const now = new Date();
    const time = element("time", { datetime: now.toISOString() }, CLOCK.format(now));
    const entry = element(
      "article",
      { class: "message", "data-testid": "message", "data-own": String(isOwn) },
      element("p", { class: "message-from" }, element("strong", {}, from), " ", time),
      element("p", { class: "message-text" }, text),
    );
    this.#hint.hidden = true;
    this.#keepingEnd(() => {
      this.#list.append(entry);
      while (this.#list.childElementCount > KEPT) this.#list.firstElementChild?.remove();
    }, isOwn);
    return entry;
  }

  /** Who reads what came before is not pulled away from it. */
  #keepingEnd(change: () => void, always = false): void {
    const list = this.#list;
    const below = list.scrollHeight - list.scrollTop - list.clientHeight;
    change();
    list.tabIndex = 0;
    if (always || below < NEAR_END_PX) list.scrollTop = list.scrollHeight;
  }

  #weigh(): void {
    const text = this.#field.value.trim();
    say(this.#problem, isTooLong(text) ? TOO_LONG : "");
    this.#field.setAttribute("aria-invalid", String(isTooLong(text)));
    this.#button.disabled = !this.#mayBeSent(text);
  }

  #mayBeSent(text: string): boolean {
    return this.#isOpen && text !== "" && !isTooLong(text);
  }

  #count(unread: number): void {
    this.#unread = unread;
    document.title = titleWords(this.#title, unread);
  }
}

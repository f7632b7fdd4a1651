import { part, say } from "../page/dom";
import { MAX_REASON_CHARACTERS, type Question } from "../words/moderation";

/** The dialog that asks once more before somebody is sent away, and for the words they are told. */
export class Inquiry {
  readonly #dialog = part<HTMLDialogElement>("inquiry");
  readonly #reason = part<HTMLTextAreaElement>("inquiry-reason");
  #onConfirmed: (reason: string) => void = () => {};
  #onClosed: () => void = () => {};
  #isPressOutside = false;

  constructor() {
    this.#reason.maxLength = MAX_REASON_CHARACTERS;
    this.#dialog.addEventListener("close", () => {
      // Of a question whose place another one has taken.
      if (this.#dialog.open) return;
      if (this.#dialog.returnValue === "confirm") this.#onConfirmed(this.#reason.value.trim());
      this.#onClosed();
    });
    // A press on the backdrop closes it, but not one that began inside, as when text is marked.
    this.#dialog.addEventListener("pointerdown", (event) => {
      this.#isPressOutside = this.#isOutside(event);
    });
    this.#dialog.addEventListener("click", (event) => {
      if (this.#isPressOutside && this.#isOutside(event)) this.#dialog.close("cancel");
      this.#isPressOutside = false;
    });
  }

  /**
   * `onConfirmed` gets the reason, which may be empty; `onClosed` is told of the end either way. A
   * dialog that is open asks this instead.
   */
  ask(
    { title, words, confirm }: Question,
    onConfirmed: (reason: string) => void,
    onClosed: () => void = () => {},
  ): void {
    if (this.#dialog.open) this.#dialog.close("cancel");
    this.#onConfirmed = onConfirmed;
    this.#onClosed = onClosed;
    this.#reason.value = "";
    // Escape leaves the value of the time before.
    this.#dialog.returnValue = "cancel";
    say(part("inquiry-title"), title);
    say(part("inquiry-words"), words);
    say(part("inquiry-confirm"), confirm);
    this.#dialog.showModal();
    this.#reason.focus();
  }

  /** The backdrop is the dialog itself, as an event's target. */
  #isOutside({ target, clientX, clientY }: MouseEvent): boolean {
    const { left, right, top, bottom } = this.#dialog.getBoundingClientRect();
    const isWithin = clientX >= left && clientX <= right && clientY >= top && clientY <= bottom;
    return target === this.#dialog && !isWithin;
  }
}

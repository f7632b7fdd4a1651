import { part, say } from "../page/dom";
import { MAX_REASON_CHARACTERS, type Question } from "../words/moderation";

/** The dialog that asks once more before somebody is sent away, and for the words they are told. */
export class Inquiry {
  readonly #dialog = part<HTMLDialogElement>("inquiry");
  readonly #reason = part<HTMLTextAreaElement>("inquiry-reason");
  #onConfirmed: (reason: string) => void = () => {};

  constructor() {
    this.#reason.maxLength = MAX_REASON_CHARACTERS;
    this.#dialog.addEventListener("close", () => {
      if (this.#dialog.returnValue === "confirm") this.#onConfirmed(this.#reason.value.trim());
    });
    // A press beside the dialog is a press on its backdrop, which is the dialog itself.
    this.#dialog.addEventListener("click", ({ target }) => {
      if (target === this.#dialog) this.#dialog.close("cancel");
    });
  }

  /** `onConfirmed` gets the reason, which may be empty. A dialog that is open asks this instead. */
  ask({ title, words, confirm }: Question, onConfirmed: (reason: string) => void): void {
    if (this.#dialog.open) this.#dialog.close("cancel");
    this.#onConfirmed = onConfirmed;
    this.#reason.value = "";
    // Escape leaves the value of the time before.
    this.#dialog.returnValue = "cancel";
    say(part("inquiry-title"), title);
    say(part("inquiry-words"), words);
    say(part("inquiry-confirm"), confirm);
    this.#dialog.showModal();
    this.#reason.focus();
  }
}

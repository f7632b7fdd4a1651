import { part, say } from "./dom";
import type { Statement } from "./words";

/** The line that says how the call stands. */
export class StatusLine {
  readonly #line = part("status-line");
  readonly #words = part("status");

  show({ tone, words }: Statement): void {
    this.#line.dataset.tone = tone;
    say(this.#words, words);
  }
}

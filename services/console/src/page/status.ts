import { retryWords, type Statement } from "../words/call";
import { part, say } from "./dom";

const TICK_MS = 250;

/** The line that says how the call stands, and counts down to the next try. */
export class StatusLine {
  readonly #line = part("status-line");
  readonly #words = part("status");
  // Beside the words and not in them: a live region would read every second out.
  readonly #retry = part("status-retry");
  #timer: ReturnType<typeof setInterval> | undefined;

  show({ tone, words }: Statement, retryMs?: number): void {
    this.#line.dataset.tone = tone;
    say(this.#words, words);
    clearInterval(this.#timer);
    say(this.#retry, "");
    if (retryMs === undefined) return;
    const atMs = performance.now() + retryMs;
    const tick = () => say(this.#retry, retryWords(atMs - performance.now()));
    tick();
    this.#timer = setInterval(tick, TICK_MS);
  }
}

import type { PublicationStatistics } from "@invigil/client";
import { part, say } from "../page/dom";
import { type Sent, sendingState, sendingWords } from "../words/sending";

type Source = "camera" | "microphone" | "screen";

/** One line of what is being sent. */
export class SendingRow {
  readonly #source: Source;
  readonly #root: HTMLElement;
  readonly #words: HTMLElement;

  constructor(source: Source) {
    this.#source = source;
    this.#root = part(`send-${source}`);
    this.#words = part(`send-${source}-words`);
  }

  /** `problem` goes before everything else that could be said. */
  show(
    sent: Sent | undefined,
    statistics: PublicationStatistics | undefined,
    problem: string | undefined,
  ): void {
    this.#root.dataset.state = problem ? "failed" : sendingState(sent);
    say(this.#words, problem ?? sendingWords(this.#source, sent, statistics));
  }
}

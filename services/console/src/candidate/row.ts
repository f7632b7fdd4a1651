import type { PublicationStatistics } from "@invigil/client";
import { part, say } from "../page/dom";
import {
  type Barrier,
  type OwnSource,
  type Sent,
  sendingState,
  sendingWords,
} from "../words/sending";

/** One line of what is being sent. */
export class SendingRow {
  readonly #source: OwnSource;
  readonly #root: HTMLElement;
  readonly #words: HTMLElement;

  constructor(source: OwnSource) {
    this.#source = source;
    this.#root = part(`send-${source}`);
    this.#words = part(`send-${source}-words`);
  }

  /** `problem` goes before everything else that could be said. */
  show(
    sent: Sent | undefined,
    statistics: PublicationStatistics | undefined,
    problem: string | undefined,
    awaited: Barrier,
  ): void {
    this.#root.dataset.state = problem ? "failed" : sendingState(sent);
    say(this.#words, problem ?? sendingWords(this.#source, sent, statistics, awaited));
  }
}

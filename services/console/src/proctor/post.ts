import type { Call, Participant, Roster, TextMessage } from "@invigil/client";
import { Conversation } from "../message/conversation";
import { part, say } from "../page/dom";
import { addresseeWords, goneWords, type TextBody, textOf } from "../words/message";

// Of the choice: no peer has an empty id.
const EVERYONE = "";

/** What candidates and proctors write, in a panel beside the wall. */
export class Post {
  readonly #call: Call;
  readonly #panel = part("post-panel");
  readonly #button = part<HTMLButtonElement>("post");
  readonly #unreadMark = part("post-unread");
  readonly #to = part<HTMLSelectElement>("message-to");
  readonly #conversation: Conversation;
  readonly #onToggled: () => void;
  #unread = 0;
  // Those of the list, by peer id, and whoever is chosen and has left.
  #known: ReadonlyMap<string, Participant> = new Map();

  /** `onToggled`: the wall has more or less room. */
  constructor(call: Call, onToggled: () => void) {
    this.#call = call;
    this.#onToggled = onToggled;
    this.#conversation = new Conversation(() => this.#address());
    this.#button.addEventListener("click", () => this.#toggle(this.#panel.hidden));
    part("post-close").addEventListener("click", () => {
      this.#toggle(false);
      this.#button.focus();
    });
    this.#to.append(new Option("Everyone", EVERYONE));
  }

  /** `mayWrite`: this side is a proctor; `isOpen`: it is in the room. */
  allow(mayWrite: boolean, isOpen: boolean): void {
    this.#conversation.show(mayWrite, isOpen);
    this.#to.disabled = !mayWrite;
  }

  /** Opens the panel to write to one candidate. */
  writeTo(peerId: string): void {
    this.#toggle(true);
    this.#to.value = peerId;
    part("message-text").focus();
  }

  /**
   * Those who can be written to. Whoever is chosen stays so, under another id too, and also when they
   * have left: what is meant for one must not go to everyone.
   */
  update(candidates: readonly Participant[]): void {
    const before = this.#known.get(this.#to.value);
    const chosen =
      before &&
      (candidates.find(({ peerId }) => peerId === before.peerId) ??
        candidates.find(({ userId }) => userId === before.userId) ??
        before);
    const gone = chosen && !candidates.includes(chosen) ? [chosen] : [];
    const named = [
      ...candidates.map(({ peerId, displayName }) => [peerId, displayName] as const),
      ...gone.map(({ peerId, displayName }) => [peerId, goneWords(displayName)] as const),
    ];
    this.#known = new Map([...candidates, ...gone].map((one) => [one.peerId, one]));
    const key = JSON.stringify(named);
    // A list that is open closes when it is written anew.
    if (this.#to.dataset.key === key) return;
    this.#to.dataset.key = key;
    const options = named.map(([peerId, words]) => new Option(words, peerId));
    this.#to.replaceChildren(new Option("Everyone", EVERYONE), ...options);
    this.#to.value = chosen?.peerId ?? EVERYONE;
  }

  hear({ from, to, body }: TextMessage, roster: Roster): void {
    const author = roster.get(from);
    const name = author?.displayName ?? "Somebody";
    const isToAll = author?.role !== "candidate" && to === undefined;
    this.#conversation.hear(isToAll ? addresseeWords(name, "everyone") : name, textOf(body));
    if (this.#panel.hidden) this.#count(this.#unread + 1);
  }

  #address(): { own: string; send: (text: string) => Promise<void> } {
    const one = this.#known.get(this.#to.value);
    return {
      own: addresseeWords("You", one?.displayName ?? "everyone"),
      send: (text) => {
        const body: TextBody = { text };
        return this.#call.send({ ...body }, one && this.#presentIdOf(one));
      },
    };
  }

  /** Who has come back under another id can be written to under that one. */
  #presentIdOf({ peerId, userId }: Participant): string {
    if (this.#known.has(peerId)) return peerId;
    return [...this.#known.values()].find((one) => one.userId === userId)?.peerId ?? peerId;
  }

  #toggle(open: boolean): void {
    if (open === !this.#panel.hidden) return;
    this.#panel.hidden = !open;
    this.#button.setAttribute("aria-expanded", String(open));
    if (open) {
      this.#count(0);
      this.#conversation.toEnd();
    }
    this.#onToggled();
  }

  #count(unread: number): void {
    this.#unread = unread;
    this.#unreadMark.hidden = unread === 0;
    say(this.#unreadMark, unread > 99 ? "99+" : String(unread));
    const words = unread === 0 ? "Messages" : `Messages, ${unread} unread`;
    this.#button.setAttribute("aria-label", words);
    this.#button.title = words;
  }
}

import {
  type Call,
  CallError,
  type Participant,
  type RoomCondition,
  type WaitingPeer,
} from "@invigil/client";
import { element, icon, part, say, setSwitch } from "../page/dom";
import {
  type Deed,
  deedProblem,
  errorWords,
  lockWords,
  rejectionQuestion,
  removalQuestion,
} from "../words/moderation";
import { producerOf } from "../words/tile";
import { Inquiry } from "./inquiry";
import { Lobby } from "./lobby";
import { Menu } from "./menu";

const PROBLEM_MS = 8_000;

/** What a proctor decides: about the room, about those who are in it and those who want to be. */
export class Desk {
  readonly #call: Call;
  readonly #onWrite: (peerId: string) => void;
  readonly #menu = new Menu((participant, deed) => this.#do(participant, deed));
  readonly #inquiry = new Inquiry();
  readonly #lobby: Lobby;
  readonly #lock = part<HTMLButtonElement>("lock");
  readonly #problem = part("desk-problem");
  #isAdmitting = false;
  #problemTimer: ReturnType<typeof setTimeout> | undefined;

  /** `onWrite`: a message is to be written to this candidate. */
  constructor(call: Call, onWrite: (peerId: string) => void) {
    this.#call = call;
    this.#onWrite = onWrite;
    this.#lobby = new Lobby({
      onAdmit: (peer) => this.#admit(peer),
      onReject: (peer) => this.#askToReject(peer),
      onAdmitAll: (peers) => void this.#admitAll(peers),
    });
    this.#lock.addEventListener("click", () => void this.#toggleLock());
    this.showRoom(call.room);
  }

  /** Whether anything of it may be done. */
  allow(allowed: boolean): void {
    document.body.dataset.desk = allowed ? "on" : "off";
    this.#lock.hidden = !allowed;
  }

  showRoom({ locked, waiting }: RoomCondition): void {
    this.#lobby.show([...waiting.values()]);
    setSwitch(this.#lock, locked, lockWords(locked));
    this.#lock.replaceChildren(icon(locked ? "lock" : "unlock"));
  }

  /** The button that opens the menu of what can be done to somebody. */
  openMenu(participant: Participant, anchor: HTMLElement): void {
    this.#menu.open(participant, anchor);
  }

  /** What is known of the candidates has changed. */
  update(find: (peerId: string) => Participant | undefined): void {
    this.#menu.update(find);
  }

  #do(participant: Participant, deed: Deed): void {
    const { peerId, displayName } = participant;
    if (deed === "write") {
      this.#onWrite(peerId);
    } else if (deed === "remove") {
      this.#inquiry.ask(removalQuestion(displayName), (reason) => {
        void this.#try(
          () => this.#call.moderation.kick(peerId, reason),
          (error) => deedProblem(deed, displayName, error),
        );
      });
    } else {
      void this.#try(
        () => this.#decide(participant, deed),
        (error) => deedProblem(deed, displayName, error),
      );
    }
  }

  async #decide(participant: Participant, deed: Exclude<Deed, "write" | "remove">): Promise<void> {
    const { moderation } = this.#call;
    if (deed === "mute") return moderation.mute(participant.peerId);
    if (deed === "unmute") return moderation.unmute(participant.peerId);
    const producer = producerOf(participant, deed.endsWith("camera") ? "camera" : "screen");
    // It has ended while the menu was open.
    if (!producer) return;
    if (deed.startsWith("pause")) await moderation.pauseProducer(producer.producerId);
    else await moderation.resumeProducer(producer.producerId);
  }

  #admit({ peerId, displayName }: WaitingPeer): void {
    void this.#try(
      () => this.#call.moderation.admit(peerId),
      (error) => `Could not let ${displayName} in. ${errorWords(error)}`,
    );
  }

  /** One after the other: the server lets only so many requests wait. Ends where one is refused. */
  async #admitAll(peers: readonly WaitingPeer[]): Promise<void> {
    if (this.#isAdmitting) return;
    this.#isAdmitting = true;
    try {
      for (const { peerId } of peers) {
        // Who has left meanwhile, or was let in by another proctor, is no reason to stop.
        if (this.#call.room.waiting.has(peerId)) await this.#admitOne(peerId);
      }
      this.#say("");
    } catch (error) {
      this.#say(`Could not let all in. ${errorWords(CallError.from(error))}`);
    } finally {
      this.#isAdmitting = false;
    }
  }

  async #admitOne(peerId: string): Promise<void> {
    try {
      await this.#call.moderation.admit(peerId);
    } catch (thrown) {
      const error = CallError.from(thrown);
      if (error.code === "NOT_FOUND") return;
      if (error.code !== "RATE_LIMITED" || error.retryAfterMs === undefined) throw error;
      const { retryAfterMs } = error;
      await new Promise((resolve) => setTimeout(resolve, retryAfterMs));
      await this.#admitOne(peerId);
    }
  }

  #askToReject({ peerId, displayName }: WaitingPeer): void {
    this.#inquiry.ask(
      rejectionQuestion(displayName),
      (reason) => {
        void this.#try(
          () => this.#call.moderation.reject(peerId, reason),
          (error) => `Could not turn ${displayName} away. ${errorWords(error)}`,
        );
      },
      // The dialog has closed the list, where others wait.
      () => this.#lobby.goOn(peerId),
    );
  }

  async #toggleLock(): Promise<void> {
    const { moderation, room } = this.#call;
    await this.#try(
      () => (room.locked ? moderation.unlock() : moderation.lock()),
      (error) => `Could not ${room.locked ? "unlock" : "lock"} the room. ${errorWords(error)}`,
    );
  }

  async #try(act: () => Promise<void>, problem: (error: CallError) => string): Promise<void> {
    try {
      await act();
      this.#say("");
    } catch (error) {
      this.#say(problem(CallError.from(error)));
    }
  }

  #say(words: string): void {
    clearTimeout(this.#problemTimer);
    this.#problem.hidden = words === "";
    say(this.#problem, "");
    if (words === "") return;
    this.#problem.append(element("span", {}, words));
    this.#problemTimer = setTimeout(() => this.#say(""), PROBLEM_MS);
  }
}

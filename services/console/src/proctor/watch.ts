import {
  Call,
  type CallState,
  type Participant,
  type ProducerInfo,
  type Roster,
  type Wish,
} from "@invigil/client";
import { part, say, setSwitch } from "../page/dom";
import { type Invitation, signalingUrl } from "../page/link";
import { StatusLine } from "../page/status";
import { candidateCount, proctorStatement, restartLabel, wrongPage } from "../words/call";
import { handsWords } from "../words/moderation";
import { seated } from "../words/tile";
import { Attention } from "./attention";
import { Desk } from "./desk";
import { Post } from "./post";
import { Stage } from "./stage";
import { Talk } from "./talk";
import { Wall } from "./wall";

// Fewer are seen at a glance.
const FILTER_FROM = 13;

/** A proctor's page: everybody on the wall, one of them on the stage. */
export class Watch {
  readonly #call: Call;
  readonly #status = new StatusLine();
  readonly #soundButton = part<HTMLButtonElement>("enable-sound");
  readonly #rejoinButton = part<HTMLButtonElement>("rejoin");
  readonly #filter = part<HTMLInputElement>("filter");
  readonly #attention = new Attention((peerId) => this.#wall.jumpTo(peerId));
  readonly #wall: Wall;
  readonly #stage: Stage;
  readonly #talk: Talk;
  readonly #desk: Desk;
  readonly #post: Post;
  #enlarged: string | undefined;
  // The field to write in stays while the connection is lost.
  #mayWrite = false;
  // Whose pictures are paused, so that only changes are told.
  readonly #paused = new Set<string>();

  constructor(invitation: Invitation) {
    this.#wall = new Wall({
      onBlocked: () => this.#showSound(false),
      onChange: () => this.#onChange(),
      onOpen: (peerId) => this.#enlarge(this.#enlarged === peerId ? undefined : peerId),
      onMore: (peerId, anchor) => this.#openMenu(peerId, anchor),
      onView: () => this.#onView(),
    });
    this.#stage = new Stage({
      onSound: () => {
        const tile = this.#wall.grid.tile(this.#enlarged);
        tile?.setSound(!tile.sound);
      },
      onClose: () => this.#leaveStage(),
    });
    this.#call = new Call(
      {
        ...invitation,
        url: signalingUrl(location),
        wants: (participant, producer) => this.#wish(participant, producer),
      },
      {
        onState: (state) => this.#showState(state),
        onRoster: (roster) => this.#showRoster(roster),
        onRoom: (room) => this.#desk.showRoom(room),
        onMessage: (message) => this.#post.hear(message, this.#call.roster),
        onTrack: (track) => {
          this.#wall.grid.add(track);
          this.#wall.grid.setLayer(track);
        },
        onTrackGone: (track) => this.#wall.grid.remove(track),
        onLayer: (track) => this.#wall.grid.setLayer(track),
        onSpeakers: (speakers) => this.#wall.grid.setSpeaking(speakers),
        onPublication: () => this.#talk.render(),
      },
    );
    this.#talk = new Talk(this.#call);
    this.#post = new Post(this.#call, () => this.#onView());
    this.#desk = new Desk(this.#call, (peerId) => this.#post.writeTo(peerId));
    part("stage-more").addEventListener("click", ({ currentTarget }) => {
      if (this.#enlarged) this.#openMenu(this.#enlarged, currentTarget as HTMLElement);
    });
    say(part("room"), invitation.roomId);
    say(part("empty-words"), `They appear here as soon as they join ${invitation.roomId}.`);
    part<HTMLAnchorElement>("other-page").href = `/candidate${location.hash}`;
    this.#listen();
  }

  start(): void {
    this.#call.start();
  }

  #listen(): void {
    this.#rejoinButton.addEventListener("click", () => this.#call.start());
    this.#soundButton.addEventListener("click", () => {
      const on = this.#soundButton.dataset.on !== "true";
      this.#showSound(on);
      this.#wall.grid.setSound(on);
    });
    this.#filter.addEventListener("input", () => this.#applyFilter());
    addEventListener("keydown", (event) => this.#onKey(event));
    addEventListener("online", () => this.#call.networkChanged());
    addEventListener("pagehide", () => {
      this.#talk.stop();
      this.#call.leave();
    });
    // A page from the back-forward cache comes back with its connections closed.
    addEventListener("pageshow", ({ persisted }) => persisted && this.#call.start());
  }

  #onKey(event: KeyboardEvent): void {
    if (event.key !== "Escape") return;
    // It closes what is open above the page, and nothing else.
    if (document.querySelector(":popover-open, dialog[open]")) return;
    if (this.#filter.value !== "" && event.target === this.#filter) {
      this.#filter.value = "";
      this.#applyFilter();
    } else if (this.#enlarged !== undefined) this.#leaveStage();
  }

  #wish({ peerId, role }: Participant, _: ProducerInfo): boolean | Wish {
    if (role !== "candidate") return false;
    // The best there is for the one on the stage.
    if (peerId === this.#enlarged) return true;
    return { spatialLayer: this.#enlarged === undefined ? this.#wall.layer : 0 };
  }

  #openMenu(peerId: string, anchor: HTMLElement): void {
    const participant = this.#call.roster.get(peerId);
    if (participant) this.#desk.openMenu(participant, anchor);
  }

  #enlarge(peerId: string | undefined): void {
    if (peerId === this.#enlarged) return;
    this.#wall.grid.tile(this.#enlarged)?.setEnlarged(false);
    this.#enlarged = peerId;
    const tile = this.#wall.grid.tile(peerId);
    tile?.setEnlarged(true);
    this.#stage.show(tile);
    document.body.dataset.stage = tile ? "on" : "off";
    this.#onView();
  }

  /** The enlarged one is gone, or is there anew under another id. */
  #enlargeAgain({ userId }: Participant, candidates: readonly Participant[]): void {
    this.#enlarge(candidates.find((candidate) => candidate.userId === userId)?.peerId);
  }

  #leaveStage(): void {
    const peerId = this.#enlarged;
    this.#enlarge(undefined);
    if (peerId !== undefined) this.#wall.jumpTo(peerId);
  }

  /** Pictures that nobody sees are not sent; the others in the layer that suits their size. */
  #onView(): void {
    // Told once while the wall is being made.
    if (!this.#call) return;
    for (const tile of this.#wall.grid.tiles) {
      const { peerId, producers } = tile.participant;
      const seen = this.#wall.isInView(peerId) || peerId === this.#enlarged;
      tile.setInView(seen);
      for (const { kind, producerId } of producers) {
        if (kind === "video") this.#setPaused(producerId, !seen);
      }
    }
    this.#call.refresh();
  }

  #setPaused(producerId: string, paused: boolean): void {
    if (paused === this.#paused.has(producerId)) return;
    if (paused) {
      this.#paused.add(producerId);
      this.#call.pauseTrack(producerId);
    } else {
      this.#paused.delete(producerId);
      this.#call.resumeTrack(producerId);
    }
  }

  /** The call forgets too what was asked for producers that are gone. */
  #forgetPaused(candidates: readonly Participant[]): void {
    const producers = candidates.flatMap(({ producers }) => producers);
    const present = new Set(producers.map(({ producerId }) => producerId));
    for (const producerId of this.#paused) {
      if (!present.has(producerId)) this.#paused.delete(producerId);
    }
  }

  #onChange(): void {
    this.#attention?.update(this.#wall?.grid.tiles ?? []);
    this.#stage?.render();
  }

  #showRoster(roster: Roster): void {
    const candidates = seated([...roster.values()].filter(({ role }) => role === "candidate"));
    this.#forgetPaused(candidates);
    const before = this.#wall.grid.tile(this.#enlarged)?.participant;
    this.#wall.update(candidates);
    if (before && !this.#wall.grid.tile(before.peerId)) this.#enlargeAgain(before, candidates);
    part("empty").hidden = candidates.length > 0;
    part("filter-field").hidden = candidates.length < FILTER_FROM && this.#filter.value === "";
    this.#applyFilter();
    say(part("count"), candidateCount(candidates.length));
    say(part("hands"), handsWords(candidates.filter(({ handRaised }) => handRaised).length));
    this.#desk.update((peerId) => roster.get(peerId));
    this.#post.update(candidates);
    this.#onChange();
    this.#onView();
  }

  #applyFilter(): void {
    const shown = this.#wall.filter(this.#filter.value);
    const isEmpty = shown === 0 && this.#filter.value !== "";
    part("no-match").hidden = !isEmpty;
    say(part("no-match"), isEmpty ? `Nobody is called “${this.#filter.value}”.` : "");
  }

  #showState(state: CallState): void {
    document.body.dataset.phase = state.phase;
    this.#rejoinButton.hidden = state.phase !== "ended";
    if (state.phase === "ended") say(this.#rejoinButton, restartLabel(state.left));
    if (state.phase === "joined" && state.self.role === "candidate") {
      this.#call.leave();
      this.#status.show(wrongPage(state.self.role));
      this.#rejoinButton.hidden = true;
      part<HTMLAnchorElement>("other-page").hidden = false;
      return;
    }
    const isProctor = state.phase === "joined" && state.self.role === "proctor";
    this.#talk?.allow(isProctor);
    this.#desk?.allow(isProctor);
    this.#post?.allow(isProctor || this.#mayWrite, isProctor);
    this.#mayWrite ||= isProctor;
    this.#status.show(
      proctorStatement(state),
      state.phase === "waiting" ? state.retryMs : undefined,
    );
  }

  #showSound(on: boolean): void {
    setSwitch(this.#soundButton, on, on ? "Mute everyone" : "Enable sound");
  }
}

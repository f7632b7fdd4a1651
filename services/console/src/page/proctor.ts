import "../style/page.css";
import "../style/tile.css";
import "../style/proctor.css";
import { Call, type CallState, type Roster } from "@invigil/client";
import { part, say } from "./dom";
import { TileGrid } from "./grid";
import { type Invitation, readInvitation, signalingUrl } from "./link";
import { StatusLine } from "./status";
import { candidateCount, proctorStatement, restartLabel, wrongPage } from "./words";

const status = new StatusLine();
const soundButton = part<HTMLButtonElement>("enable-sound");
const rejoinButton = part<HTMLButtonElement>("rejoin");
const grid = new TileGrid(part("grid"), { sound: false, onBlocked: () => showSound(false) });

function showSound(on: boolean): void {
  // The label says what a press does; a pressed state beside it would say the opposite.
  soundButton.dataset.on = String(on);
  say(part("enable-sound-label"), on ? "Mute everyone" : "Enable sound");
}

function showRoster(roster: Roster): void {
  const candidates = [...roster.values()].filter(({ role }) => role === "candidate");
  grid.update(candidates);
  part("empty").hidden = candidates.length > 0;
  say(part("count"), candidateCount(candidates.length));
}

function watch(invitation: Invitation): void {
  const call = new Call(
    {
      ...invitation,
      url: signalingUrl(location),
      wants: ({ role }) => role === "candidate",
    },
    {
      onState: (state) => showState(call, state),
      onRoster: showRoster,
      onTrack: (track) => grid.add(track),
      onTrackGone: (track) => grid.remove(track),
    },
  );
  say(part("room"), invitation.roomId);
  part("empty-words").textContent = `They appear here as soon as they join ${invitation.roomId}.`;
  rejoinButton.addEventListener("click", () => call.start());
  addEventListener("online", () => call.networkChanged());
  addEventListener("pagehide", () => call.leave());
  // A page from the back-forward cache comes back with its connections closed.
  addEventListener("pageshow", ({ persisted }) => persisted && call.start());
  part<HTMLAnchorElement>("other-page").href = `/candidate${location.hash}`;
  call.start();
}

function showState(call: Call, state: CallState): void {
  rejoinButton.hidden = state.phase !== "ended";
  if (state.phase === "ended") say(rejoinButton, restartLabel(state.left));
  document.body.dataset.phase = state.phase;
  if (state.phase === "joined" && state.self.role === "candidate") {
    call.leave();
    status.show(wrongPage(state.self.role));
    rejoinButton.hidden = true;
    part<HTMLAnchorElement>("other-page").hidden = false;
    return;
  }
  status.show(proctorStatement(state));
  if (state.phase === "ended") showRoster(new Map());
}

soundButton.addEventListener("click", () => {
  const on = soundButton.dataset.on !== "true";
  showSound(on);
  grid.setSound(on);
});

const invitation = readInvitation(location.hash);
if (invitation) watch(invitation);
else status.show({ tone: "bad", words: "This link is not complete. Ask for a new one." });
// Another link pasted into the same tab changes the fragment only, which loads nothing by itself.
addEventListener("hashchange", () => location.reload());

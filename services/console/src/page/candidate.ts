import "../style/page.css";
import "../style/tile.css";
import "../style/message.css";
import "../style/candidate.css";
import { CandidateView } from "../candidate/view";
import { INCOMPLETE_LINK } from "../words/call";
import { part, say } from "./dom";
import { type Invitation, readInvitation } from "./link";
import { StatusLine } from "./status";

function attend(invitation: Invitation): void {
  say(part("room"), invitation.roomId);
  say(part("name"), invitation.displayName);
  part<HTMLAnchorElement>("other-page").href = `/proctor${location.hash}`;
  const { attendance } = new CandidateView(invitation);
  addEventListener("online", () => attendance.networkChanged());
  addEventListener("pagehide", () => attendance.leave());
  // A page from the back-forward cache comes back with its connections closed.
  addEventListener("pageshow", ({ persisted }) => persisted && void attendance.start());
  void attendance.start();
}

const invitation = readInvitation(location.hash);
if (invitation) attend(invitation);
else new StatusLine().show(INCOMPLETE_LINK);
// Another link pasted into the same tab changes the fragment only, which loads nothing by itself.
addEventListener("hashchange", () => location.reload());

import "../style/page.css";
import "../style/tile.css";
import "../style/message.css";
import "../style/proctor.css";
import { Watch } from "../proctor/watch";
import { INCOMPLETE_LINK } from "../words/call";
import { readInvitation } from "./link";
import { StatusLine } from "./status";

const invitation = readInvitation(location.hash);
if (invitation) new Watch(invitation).start();
else new StatusLine().show(INCOMPLETE_LINK);
// Another link pasted into the same tab changes the fragment only, which loads nothing by itself.
addEventListener("hashchange", () => location.reload());

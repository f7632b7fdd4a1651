"""What became of the call in the story of a page client: facts, and no judgement."""

from dataclasses import dataclass, field

from tests.support.page.client import JsonObject


@dataclass(frozen=True)
class Outage:
    """One break of a connection.

    Attributes:
        role: Whose connection it was.
        length_s: Until the server had taken the client back.
        unanswered: The types of the requests that had no answer when it broke.
        while_resuming: Whether it broke before it was authenticated.
        frames: The frames of the microphone that the proctor heard meanwhile.
    """

    role: str
    length_s: float
    unanswered: list[str]
    while_resuming: bool
    frames: int


@dataclass(frozen=True)
class Refusal:
    """How something was refused; `close_code` where the connection was closed for it."""

    code: str
    reason: str
    close_code: int | None = None


@dataclass
class Report:
    """What happened, in the order of the story. By role: of the candidate and of the proctor.

    Attributes:
        seed: What the moments of the breaks came of.
        outages: Every break.
        resumes: By role: how often the server said `resumed: true`.
        repeats: By type: how many requests were sent again after a break.
        put_off: By reason: how many were answered "later" and sent again then.
        events: By role: the number of state events.
        gaps: By role: each `(seq before, seq)` that was not the next one.
        states: By role: the number of `room:state`; each after the first replaced missed events.
        requests: All that were asked.
        not_answered_once: The types of those that had no answer, or several.
        messages_sent: By sender: what it numbered.
        messages_told: By sender: what the other one was told, in that order.
        updates_sent: The numbers in the candidate's `appData`.
        updates_told: Those that the proctor was told, without runs of the same one.
        toggles_done: What was answered to the candidate: `producer:paused`, `producer:resumed`.
        toggles_told: What the proctor was told of that producer.
        consumer_toggles_told: What the proctor was told of its consumer of it.
        published: The producers that the candidate was told it had.
        announced: Those that the proctor was told of, each time.
        joins: By role: how many `room:join` were asked.
        same_transports: By role: whether ICE and DTLS transports were the same objects after it.
        dtls_changes: By role: the states that the DTLS transport went through during the breaks.
        ice_changes: By role: the same of the ICE transport.
        offers: How often the proctor was told each offer that the server made.
        consumed: The number of consumers that the proctor asked for.
        offers_refused: The reasons for which answers of the proctor were refused.
        longest_silence_s: The longest time between two frames of the microphone, breaks included.
        frames_after: The frames of each producer after all the breaks.
        pong: The payload of a `pong`.
        repeated_replies: The two replies to one message that was deliberately sent twice.
        repeated_told: How often the proctor was told of it.
        talk_back_announced: What the candidate was told of the talk-back.
        talk_back_frames: How many of its frames the candidate heard.
        talk_back_seen_by_observer: Whether an observer knew of it.
        refusals: What was refused, by what was tried.
        used_token: How a used-up resume token was refused.
        reload_own: What the page that was loaded anew had.
        reload_without_id: The types of what it was told without `seq` and `correlationId`.
        reload_frames: How many frames it heard over a new peer connection.
        replaced: How the page before it was sent away.
        left: The replies to `room:leave` and what the connections were closed with.
        told_of_leaving: What the proctor was told when the candidate left.
        resumed_after_leaving: How a resume was refused then.
    """

    seed: int
    outages: list[Outage] = field(default_factory=list)
    resumes: dict[str, int] = field(default_factory=dict)
    repeats: dict[str, int] = field(default_factory=dict)
    put_off: dict[str, int] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    gaps: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    states: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    not_answered_once: list[str] = field(default_factory=list)
    messages_sent: dict[str, list[int]] = field(default_factory=dict)
    messages_told: dict[str, list[int]] = field(default_factory=dict)
    updates_sent: list[int] = field(default_factory=list)
    updates_told: list[int] = field(default_factory=list)
    toggles_done: list[str] = field(default_factory=list)
    toggles_told: list[str] = field(default_factory=list)
    consumer_toggles_told: list[str] = field(default_factory=list)
    published: list[str] = field(default_factory=list)
    announced: list[str] = field(default_factory=list)
    joins: dict[str, int] = field(default_factory=dict)
    same_transports: dict[str, bool] = field(default_factory=dict)
    dtls_changes: dict[str, list[str]] = field(default_factory=dict)
    ice_changes: dict[str, list[str]] = field(default_factory=dict)
    offers: list[int] = field(default_factory=list)
    consumed: int = 0
    offers_refused: list[str] = field(default_factory=list)
    longest_silence_s: float = 0.0
    frames_after: dict[str, int] = field(default_factory=dict)
    pong: JsonObject = field(default_factory=dict)
    repeated_replies: list[JsonObject] = field(default_factory=list)
    repeated_told: int = 0
    talk_back_announced: list[JsonObject] = field(default_factory=list)
    talk_back_frames: int = 0
    talk_back_seen_by_observer: bool = False
    refusals: dict[str, Refusal] = field(default_factory=dict)
    used_token: Refusal | None = None
    reload_own: JsonObject = field(default_factory=dict)
    reload_without_id: list[str] = field(default_factory=list)
    reload_frames: int = 0
    replaced: Refusal | None = None
    left: dict[str, tuple[str, int | None]] = field(default_factory=dict)
    told_of_leaving: list[str] = field(default_factory=list)
    resumed_after_leaving: Refusal | None = None

"""Who speaks in a room, by how loud the microphones were, and who is told of it."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from services.common.ids import ProducerId, SessionId
from services.sfu.core.effect import TellLatest, TellOperator
from services.sfu.core.event import Speaker, SpeakersActive
from services.sfu.core.peer import Producer, Session
from services.sfu.core.port import Kind
from services.sfu.core.roster import Roster
from services.sfu.core.visibility import Role, may_see

# Levels are in -dBov (RFC 6464): the larger, the quieter.

# What the media side takes for silence.
SILENCE = 60
# Speech into a laptop has syllables of 20 to 35 and gaps, which count as 60: together 30 to 45. A
# room whose noise the browser suppresses is silence, one where it does not is 55 and quieter, and
# so is typing: a keystroke is a packet or two of the fifteen.
BEGIN = 50
# Speech fades at the end of a sentence. What is between the two neither begins nor ends.
END = 54
# A pause for breath is shorter: whoever pauses for it speaks.
HANG_MS = 700
# Levels are smoothed over about one interval: a door that slams is loud, but no longer than that.
SMOOTHING_MS = 330
# What is told is smoothed over a phrase, and is the same while it differs by fewer dB than STEP: of
# two who speak at once it is not now this one that is the loudest, and with the next word that one.
PHRASE_MS = 1_500
STEP = 4
# The place of whoever begins, behind all others.
NEWCOMER = 1 << 31
# Nobody looks at more at once.
MOST_TOLD = 8


@dataclass(slots=True)
class _Voice:
    """A microphone that is not silent, or was not a moment ago."""

    producer: Producer
    level: float = SILENCE
    # When it was loud enough to go on; None while it does not speak.
    heard_ms: int | None = None
    # How loud it is while it speaks, and what is told of that.
    phrase_level: float = SILENCE
    told_level: int = SILENCE
    # Among those who speak: of two who are as loud, whoever was the louder one stays it.
    place: int = NEWCOMER

    def hear(self, level: float, passed_ms: int, now_ms: int) -> None:
        self.level += (level - self.level) * _weight(passed_ms, SMOOTHING_MS)
        if self.heard_ms is None:
            if self.level <= BEGIN:
                self.heard_ms = now_ms
                self.phrase_level = self.level
                self.told_level = round(self.level)
            return
        if self.level <= END:
            self.heard_ms = now_ms
        elif now_ms - self.heard_ms >= HANG_MS:
            self.heard_ms = None
        self.phrase_level += (self.level - self.phrase_level) * _weight(passed_ms, PHRASE_MS)
        if abs(self.phrase_level - self.told_level) >= STEP:
            self.told_level = round(self.phrase_level)

    @property
    def is_over(self) -> bool:
        return self.heard_ms is None and self.level > SILENCE - 1


@dataclass(frozen=True, slots=True)
class _View:
    """What some sessions are told. It is news where somebody else speaks, or is the loudest."""

    event: SpeakersActive
    loudest: ProducerId | None
    who: frozenset[ProducerId]

    def is_news_after(self, before: "_View") -> bool:
        return (self.loudest, self.who) != (before.loudest, before.who)


class Speakers:
    """Owned by a room, whose roster and producers it reads. The caller owns the clock."""

    def __init__(self, roster: Roster, producers: Mapping[ProducerId, Producer]) -> None:
        self._roster = roster
        self._producers = producers
        # Few: silent microphones have none.
        self._voices: dict[ProducerId, _Voice] = {}
        # The loudest first.
        self._speaking: list[_Voice] = []
        self._heard_ms: int | None = None
        # Of sessions that have been told anything.
        self._told: dict[SessionId, _View] = {}
        self._told_operator = _QUIET

    @property
    def is_needed(self) -> bool:
        """Whether `hear` is to be called: somebody could speak, or is said to."""
        return bool(self._speaking) or any(map(_is_audio, self._producers.values()))

    def hear(self, levels: Mapping[ProducerId, int], now_ms: int) -> bool:
        """Decide anew who speaks, and tell those for whom that changes something.

        `levels`: means since the last call; those of silent producers are absent, those of other
        rooms may be there. Returns whether anybody may have been told.
        """
        passed_ms = SMOOTHING_MS if self._heard_ms is None else now_ms - self._heard_ms
        self._heard_ms = now_ms
        voices: dict[ProducerId, _Voice] = {}
        for producer_id, producer in self._producers.items():
            level, voice = levels.get(producer_id), self._voices.get(producer_id)
            # Who is muted has stopped in that moment.
            if producer.paused or (level is None and voice is None):
                continue
            if voice is None or voice.producer is not producer:
                # The id may have been another producer's a moment ago.
                voice = _Voice(producer)
            voice.hear(SILENCE if level is None else level, passed_ms, now_ms)
            if not voice.is_over:
                voices[producer_id] = voice
        self._voices = voices
        speaking = [voice for voice in voices.values() if voice.heard_ms is not None]
        if not (speaking or self._speaking):
            return False
        self._speaking = _loudest_first(speaking)
        for place, voice in enumerate(self._speaking):
            voice.place = place
        self._tell()
        return True

    def tell_again(self, session: Session) -> None:
        """Tell a client that was away what it may have missed: such events are kept in no log."""
        if session.session_id in self._told:
            self._tell_one(session, self._view_of_one(session), is_repeat=True)

    def _view_of_one(self, session: Session) -> _View:
        seen = (
            voice
            for voice in self._speaking
            # It may have ended since they were heard.
            if self._producers.get(voice.producer.producer_id) is voice.producer
            and self._roster.sees_producer(session, voice.producer)
        )
        return _view_of(seen)

    def _tell(self) -> None:
        """Those who see the same are told the same.

        There is a view for each role, and one for each of the few who see somebody besides.
        """
        everybody = _view_of(self._speaking)
        if everybody.is_news_after(self._told_operator):
            self._told_operator = everybody
            self._roster.do(TellOperator(None, everybody.event))
        of_role = {role: [v for v in self._speaking if self._is_for(role, v)] for role in Role}
        view_of_role = {role: _view_of(voices) for role, voices in of_role.items()}
        besides = self._seen_besides()
        for session in self._roster.sessions.values():
            more = besides.get(session.session_id)
            if more is None:
                self._tell_one(session, view_of_role[session.role])
            else:
                most = of_role[session.role][:MOST_TOLD]
                self._tell_one(session, _view_of(_loudest_first([*most, *more])))
        if len(self._told) > len(self._roster):
            present = self._roster.sessions
            self._told = {id_: view for id_, view in self._told.items() if id_ in present}

    def _tell_one(self, session: Session, view: _View, *, is_repeat: bool = False) -> None:
        before = self._told.get(session.session_id, _QUIET)
        if is_repeat or view.is_news_after(before):
            self._told[session.session_id] = view
            self._roster.do(TellLatest(session.session_id, view.event))

    def _is_for(self, role: Role, voice: _Voice) -> bool:
        """Whether everybody of this role sees the speaker."""
        owner = self._roster.sessions[voice.producer.session_id]
        is_for_all = voice.producer.audience is None
        return is_for_all and may_see(self._roster.settings.visibility, role, owner.role)

    def _seen_besides(self) -> dict[SessionId, list[_Voice]]:
        """Who hears more than their role does: their own voice, or one that is for them alone."""
        besides: dict[SessionId, list[_Voice]] = {}
        for voice in self._speaking:
            producer = voice.producer
            owner = self._roster.sessions[producer.session_id]
            hearers = [owner] if not self._is_for(owner.role, voice) else []
            for peer_id in producer.audience or ():
                hearer = self._roster.find_peer(peer_id)
                if hearer is not None and self._roster.sees_producer(hearer, producer):
                    hearers.append(hearer)
            for hearer in hearers:
                besides.setdefault(hearer.session_id, []).append(voice)
        return besides


def _weight(passed_ms: int, over_ms: int) -> float:
    """Of the mean of the last `passed_ms` in an average over about `over_ms`."""
    return 1 - math.exp(-passed_ms / over_ms)


def _is_audio(producer: Producer) -> bool:
    return producer.kind is Kind.AUDIO


def _loudest_first(voices: Iterable[_Voice]) -> list[_Voice]:
    return sorted(voices, key=lambda voice: (voice.told_level, voice.place))


def _view_of(loudest_first: Iterable[_Voice]) -> _View:
    speakers = tuple(
        Speaker(voice.producer.peer_id, voice.producer.producer_id, voice.told_level)
        for voice in islice(loudest_first, MOST_TOLD)
    )
    return _View(
        SpeakersActive(speakers),
        speakers[0].producer_id if speakers else None,
        frozenset(speaker.producer_id for speaker in speakers),
    )


_QUIET = _view_of(())

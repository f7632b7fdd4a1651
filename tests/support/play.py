"""People in a room of core who do anything to each other, at random."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from services.common.errors import Refusal
from services.common.ids import PeerId, ProducerId, UserId
from services.sfu.core.effect import EndSession, TellLatest, TellSession
from services.sfu.core.peer import Session
from services.sfu.core.port import Direction, Kind
from services.sfu.core.text import send
from services.sfu.core.visibility import Role
from tests.support.room import Stage

# Their ids are in everything that is said of them.
PEOPLE = {
    "cand-ada": Role.CANDIDATE,
    "cand-ben": Role.CANDIDATE,
    "cand-odd": Role.CANDIDATE,
    # Another device of the first.
    "cand-tab": Role.CANDIDATE,
    "proc-eve": Role.PROCTOR,
    "proc-pat": Role.PROCTOR,
    "obsv-obs": Role.OBSERVER,
}
NAMES = list(PEOPLE)
USERS = {name: UserId(f"user-{name}") for name in NAMES}
USERS["cand-tab"] = USERS["cand-ada"]
# A candidate whose token, oddly, may moderate.
MODERATORS = {"cand-odd", "proc-eve", "proc-pat"}
NOBODY = "nobody"


def hidden_from(name: str) -> set[str]:
    """Of whom nothing may be said to this one."""
    if PEOPLE[name] is not Role.CANDIDATE:
        return set()
    return {other for other in NAMES if PEOPLE[other] is not Role.PROCTOR and other != name}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that one of them does to another. `number` chooses among what there is."""

    what: str
    actor: str
    target: str
    number: int


class Play:
    """A room in which people do anything, and what each has been told."""

    def __init__(self, waiting_room: bool) -> None:
        self.stage = Stage(waiting_room=waiting_room)
        self.here: dict[str, Session] = {}
        self.told: list[tuple[str, object]] = []

    def run(self, script: list[Step]) -> None:
        """Everyone tries to come in and to publish; then what the script says."""
        for step in [*PROLOGUE, *script]:
            self.step(step)

    def step(self, step: Step) -> None:
        actor = self.here.get(step.actor)
        if actor is None:
            self._enter(step)
        elif not actor.is_waiting:
            self._act(actor, step)
        self._take()

    def _enter(self, step: Step) -> None:
        self._try(
            step.actor,
            lambda: self.here.__setitem__(
                step.actor,
                self.stage.join(
                    step.actor,
                    PEOPLE[step.actor],
                    user_id=USERS[step.actor],
                    may_moderate=step.actor in MODERATORS,
                ),
            ),
        )

    def _act(self, actor: Session, step: Step) -> None:
        actions = self._actions(actor, step)
        act = actions[step.what]
        if step.target in hidden_from(step.actor) and step.what in ON_TARGETS:
            # It must be as if there were nobody of that name.
            nobody = self._actions(actor, Step(step.what, step.actor, NOBODY, step.number))
            expected = self._try(step.actor, nobody[step.what])
            assert expected is not None
            assert self._try(step.actor, act) == expected
        else:
            self._try(step.actor, act)

    def _actions(self, actor: Session, step: Step) -> dict[str, Callable[[], object]]:
        room = self.stage.room
        router, moderation = room.router, room.moderation
        target = PeerId(step.target)
        # Of hidden ones too: candidates may guess them.
        theirs = ProducerId(f"{step.target}.{step.number + 1}")
        own = next(iter(actor.producers), ProducerId(f"{step.actor}.1"))
        audience = (target,) if step.number else ()
        return {
            "publish": lambda: self._publish(actor, step.number, audience),
            "consume": lambda: self._consume(actor, theirs),
            "pause": lambda: router.pause_producer(actor, own),
            "resume": lambda: router.resume_producer(actor, own),
            "close": lambda: router.close_producer(actor, own),
            "write": lambda: send(room.roster, actor, target, f'"{step.actor}"'),
            "write to all": lambda: send(room.roster, actor, None, f'"{step.actor}"'),
            "update": lambda: room.update(actor, hand_raised=bool(step.number)),
            "lose": lambda: room.detach(actor, 0),
            "come back": lambda: room.attach(actor),
            "leave": lambda: room.leave(actor),
            "lock": lambda: moderation.lock(actor),
            "unlock": lambda: moderation.unlock(actor),
            "admit": lambda: moderation.admit(actor, target),
            "reject": lambda: moderation.reject(actor, target, "no"),
            "kick": lambda: moderation.kick(actor, target, "no"),
            "mute": lambda: moderation.mute(actor, target),
            "unmute": lambda: moderation.unmute(actor, target),
            "hold": lambda: moderation.pause_producer(actor, theirs),
            "free": lambda: moderation.resume_producer(actor, theirs),
        }

    def _publish(self, actor: Session, number: int, audience: tuple[PeerId, ...]) -> None:
        transport = self.stage.room.router.create_transport(actor, Direction.SEND)
        self.stage.publish(
            actor,
            (Kind.AUDIO, Kind.VIDEO)[number % 2],
            transport_id=transport.transport_id,
            audience=audience,
            # Says for whom it is, so that it shows where it goes.
            app_data_json=f'{{"for":"{" ".join(audience)}"}}',
        )

    def _consume(self, actor: Session, producer_id: ProducerId) -> None:
        router = self.stage.room.router
        if not any(t.direction is Direction.RECV for t in actor.transports.values()):
            router.create_transport(actor, Direction.RECV)
        (result,) = router.consume(actor, (producer_id,), None, None, paused=False)
        if isinstance(result, Refusal):
            raise result

    def _try(self, name: str, action: Callable[[], object]) -> tuple[Any, ...] | None:
        """What the answer was, where it was no; it is said to who asked."""
        try:
            action()
        except Refusal as refusal:
            answer = (refusal.code, refusal.reason, refusal.message, dict(refusal.details))
            self.told.append((name, answer))
            return answer
        return None

    def _take(self) -> None:
        names = {session.session_id: name for name, session in self.here.items()}
        for effect in self.stage.room.take_effects(0):
            match effect:
                case TellSession(session_id=session_id, event=event):
                    self.told.append((names[session_id], event))
                case TellLatest(session_id=session_id, event=event):
                    self.told.append((names[session_id], event))
                case EndSession(session_id=session_id, reason=reason, message=message):
                    self.told.append((names[session_id], (reason, message)))
                    del self.here[names[session_id]]
                case _:
                    pass
        for name, session in self.here.items():
            if not session.is_waiting:
                self.told.append((name, self.stage.room.participants(session)))
                self.told.append((name, self.stage.room.lobby.visible_to(session)))


# What names somebody else.
ON_TARGETS = {
    "consume", "write", "admit", "reject", "kick", "mute", "unmute", "hold", "free",
}  # fmt: skip
WHAT = sorted(
    ON_TARGETS
    | {"publish", "pause", "resume", "close", "write to all", "update", "lose", "come back"}
    | {"leave", "lock", "unlock"}
)
# Everyone tries to come in, and then to publish.
PROLOGUE = [Step("publish", name, name, 0) for name in (*NAMES, *NAMES)]
_names = st.sampled_from(NAMES)
_steps = st.builds(Step, st.sampled_from(WHAT), _names, _names, st.integers(0, 1))
scripts = st.lists(_steps, min_size=20, max_size=80)

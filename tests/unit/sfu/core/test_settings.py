"""The versioned value that outlives a worker."""

from hypothesis import given
from hypothesis import strategies as st

from services.common.errors import Code
from services.common.ids import ProducerId, UserId
from services.sfu.core.settings import MAX_ENTRIES, RoomSettings
from services.sfu.core.visibility import Visibility
from tests.support.refusal import refusal_of

ADA, BEN = UserId("ada"), UserId("ben")
NEW = RoomSettings(Visibility.PROCTORED, max_peers=9)

users = st.frozensets(st.sampled_from([UserId(name) for name in "abcd"]))
settings = st.builds(
    RoomSettings,
    visibility=st.just(Visibility.PROCTORED),
    max_peers=st.just(9),
    version=st.integers(1, 4),
    locked=st.booleans(),
    members=users,
    admitted=users,
    banned=users,
    muted=users,
)


def test_each_change_is_a_new_version_and_a_repeat_is_none() -> None:
    once = NEW.ban(ADA)

    assert (once.version, once.ban(ADA)) == (2, once)
    assert once.mute(BEN).version == 3


def test_user_that_is_banned_loses_what_it_was_granted() -> None:
    banned = NEW.lock(frozenset({ADA})).admit(ADA).mute(ADA).ban(ADA)

    assert not banned.members | banned.admitted | banned.muted


def test_user_admitted_while_the_room_is_locked_may_come_back_to_it() -> None:
    assert ADA in NEW.lock(frozenset()).admit(ADA).members
    assert ADA not in NEW.admit(ADA).members


def test_higher_version_counts_and_bans_of_both_do() -> None:
    here = NEW.ban(BEN)
    presented = NEW.ban(ADA).lock(frozenset())

    merged = here.merged(presented)

    assert merged.locked
    assert merged.banned == {ADA, BEN}
    assert merged.version > presented.version


def test_settings_that_add_nothing_change_nothing() -> None:
    here = NEW.ban(ADA).lock(frozenset())

    assert here.merged(NEW.ban(ADA)) == here
    assert here.merged(here) == here


@given(settings, settings)
def test_merging_loses_no_ban_and_never_goes_back(here: RoomSettings, other: RoomSettings) -> None:
    merged = here.merged(other)

    assert merged.banned == here.banned | other.banned
    assert not merged.admitted & merged.banned
    assert merged.version >= max(here.version, other.version)
    if merged != here:
        assert merged.version > here.version
    assert merged.merged(other) == merged


def test_more_decisions_than_can_be_kept_are_refused() -> None:
    full = RoomSettings(
        Visibility.PROCTORED, 9, banned=frozenset(UserId(str(n)) for n in range(MAX_ENTRIES))
    )
    full.check()

    for more in (
        full.ban(ADA),
        RoomSettings(
            Visibility.PROCTORED,
            9,
            muted_producers=frozenset(ProducerId(str(n)) for n in range(MAX_ENTRIES + 1)),
        ),
    ):
        refused = refusal_of(more.check)
        assert (refused.code, refused.reason) == (Code.FORBIDDEN, "SETTINGS_FULL")

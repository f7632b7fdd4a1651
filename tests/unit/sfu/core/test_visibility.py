"""Who may see whom."""

from hypothesis import given
from hypothesis import strategies as st

from services.sfu.core.visibility import Role, Visibility, may_see

roles = st.sampled_from(Role)
visibilities = st.sampled_from(Visibility)


@given(roles)
def test_candidate_of_a_proctored_room_sees_proctors_only(target: Role) -> None:
    assert may_see(Visibility.PROCTORED, Role.CANDIDATE, target) is (target is Role.PROCTOR)


@given(visibilities, st.sampled_from([Role.PROCTOR, Role.OBSERVER]), roles)
def test_proctors_and_observers_see_everyone(
    visibility: Visibility, viewer: Role, target: Role
) -> None:
    assert may_see(visibility, viewer, target)


@given(visibilities)
def test_observer_is_invisible_to_candidates(visibility: Visibility) -> None:
    assert not may_see(visibility, Role.CANDIDATE, Role.OBSERVER)


def test_candidates_of_an_open_room_see_each_other() -> None:
    assert may_see(Visibility.OPEN, Role.CANDIDATE, Role.CANDIDATE)

from services.common.ids import RoomId
from services.gateway.core.placement import rank

WORKERS = ["w1:1", "w2:1", "w3:1"]
ROOMS = [RoomId(f"room-{n}") for n in range(300)]


def test_same_room_goes_to_the_same_worker_whatever_their_order() -> None:
    for room in ROOMS:
        assert rank(room, WORKERS) == rank(room, reversed(WORKERS))


def test_rooms_are_spread() -> None:
    first = [rank(room, WORKERS)[0] for room in ROOMS]

    assert all(first.count(worker) > 60 for worker in WORKERS)


def test_loss_of_a_worker_moves_only_its_rooms() -> None:
    for room in ROOMS:
        before = rank(room, WORKERS)
        after = rank(room, WORKERS[:2])
        if before[0] != WORKERS[2]:
            assert after[0] == before[0]

"""The engine's Python face: what its stub promises about arguments and processes."""

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest
from invigil_engine import Engine

_PASSWORD = "a password with enough characters"


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine(address="127.0.0.1", port=0)
    yield engine
    engine.stop()


def _add_producer(engine: Engine, ssrc: int, payload_type: int, extension_id: int) -> None:
    engine.add_producer(
        1,
        1,
        video=False,
        mid=None,
        codecs=[("opus", payload_type, 48_000, None)],
        encodings=[(ssrc, None, None)],
        extensions={"mid": extension_id},
        nack=False,
        transport_cc=False,
        paused=False,
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda engine: engine.remove_transport(-1),
        lambda engine: engine.remove_consumer(2**32),
        lambda engine: engine.request_consumer_stats(0, 2**64),
        lambda engine: engine.add_transport(2**32, ufrag="abcd", password=_PASSWORD),
        lambda engine: _add_producer(engine, 2**32, 111, 1),
        lambda engine: _add_producer(engine, 5, 256, 1),
        lambda engine: _add_producer(engine, 5, 111, 256),
        lambda engine: _add_producer(engine, 5, 111, -1),
    ],
)
def test_number_out_of_range_is_a_value_error(
    engine: Engine, call: Callable[[Engine], None]
) -> None:
    with pytest.raises(ValueError, match=r"out of range|a payload type is"):
        call(engine)


def test_engine_refuses_settings_that_no_machine_could_serve() -> None:
    with pytest.raises(ValueError, match="out of range"):
        Engine(address="127.0.0.1", port=65_536)
    with pytest.raises(ValueError, match="places"):
        Engine(address="127.0.0.1", port=0, event_capacity=2**60)
    with pytest.raises(ValueError, match="buffer"):
        Engine(address="127.0.0.1", port=0, receive_buffer_bytes=2**31)
    with pytest.raises(ValueError, match="address"):
        Engine(address="localhost", port=0)


def test_forked_child_does_not_wait_for_a_thread_that_it_does_not_have(engine: Engine) -> None:
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        engine.stop()
        os._exit(7)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7
    engine.remove_transport(1)
    end = time.monotonic() + 5
    while engine.counters()["commands_stale"] == 0:
        assert time.monotonic() < end, "the parent's engine has stopped"
        time.sleep(0.002)

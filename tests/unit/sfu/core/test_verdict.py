"""The first reason for which a consumer gets nothing."""

from dataclasses import replace

from services.sfu.core.port import ConsumerStats, TransportState
from services.sfu.core.verdict import explain

FLOWING = ConsumerStats(9, 9, 0, 0, 1, False, None)


def verdict(
    stats: ConsumerStats = FLOWING,
    *,
    paused: bool = False,
    producer_paused: bool = False,
    is_quiet: bool = False,
    send: TransportState = TransportState.CONNECTED,
    recv: TransportState = TransportState.CONNECTED,
) -> str:
    return explain(
        stats,
        paused=paused,
        producer_paused=producer_paused,
        is_quiet=is_quiet,
        send_transport=send,
        recv_transport=recv,
    )


def test_verdict_names_the_first_obstacle_on_the_way() -> None:
    assert verdict() == "Forwarding."
    assert "producer is paused" in verdict(producer_paused=True, paused=True)
    assert "consumer is paused" in verdict(paused=True, send=TransportState.NEW)
    assert "publisher's transport is new" in verdict(send=TransportState.NEW)
    assert "consumer's transport is disconnected" in verdict(recv=TransportState.DISCONNECTED)
    assert "none of its layers" in verdict(replace(FLOWING, packets_received=0), is_quiet=True)
    assert "no packet" in verdict(replace(FLOWING, packets_received=0))
    assert "key frame" in verdict(replace(FLOWING, waiting_for_key_frame=True))

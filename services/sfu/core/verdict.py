"""Why a consumer gets, or does not get, its stream: the first reason on the way."""

from services.sfu.core.port import ConsumerStats, TransportState


def explain(
    stats: ConsumerStats,
    *,
    paused: bool,
    producer_paused: bool,
    is_quiet: bool = False,
    send_transport: TransportState,
    recv_transport: TransportState,
) -> str:
    """`send_transport` is the publisher's, `recv_transport` the consumer's.

    `is_quiet`: of several layers the publisher sends none.
    """
    if producer_paused:
        return "Not forwarding: the producer is paused."
    if paused:
        return "Not forwarding: the consumer is paused."
    if send_transport is not TransportState.CONNECTED:
        return f"Not forwarding: the publisher's transport is {send_transport}."
    if recv_transport is not TransportState.CONNECTED:
        return f"Not forwarding: the consumer's transport is {recv_transport}."
    if is_quiet:
        return "Not forwarding: the publisher sends none of its layers."
    if stats.packets_received == 0:
        return "Not forwarding: the publisher has sent no packet of this layer."
    if stats.waiting_for_key_frame:
        return "Not forwarding: no key frame has come yet."
    return "Forwarding."

"""Subscribing: from a producer and a client's capabilities to a consumer."""

from services.common.errors import Code, Refusal
from services.common.ids import ConsumerId
from services.sfu.core.layer import PreferredLayers, Selection
from services.sfu.core.limit import MAX_CONSUMERS_OF_ONE_PRODUCER, MAX_CONSUMERS_PER_SESSION
from services.sfu.core.ortc import UnsupportedCodec, get_consumer_parameters
from services.sfu.core.peer import Consumer, Producer, Session, Transport
from services.sfu.core.plan import plan_consumer
from services.sfu.core.port import ConsumerSpec
from services.sfu.core.rtp import RtpCapabilities, RtpParameters
from services.sfu.core.ssrc import SsrcPool


def check_may_subscribe(session: Session) -> None:
    """Raise Refusal FORBIDDEN where the token does not allow consuming."""
    if not session.may_subscribe:
        raise Refusal(Code.FORBIDDEN, "MAY_NOT_SUBSCRIBE", "This token may not subscribe.")


def subscribe(
    session: Session,
    transport: Transport,
    producer: Producer,
    capabilities: RtpCapabilities,
    ssrcs: SsrcPool,
    preferred: PreferredLayers,
    *,
    paused: bool,
) -> tuple[Consumer, ConsumerSpec, RtpParameters]:
    """A consumer of a producer that the session may see; the caller enters it into its books.

    Raises Refusal CONSUME_ERROR: TOO_MANY_CONSUMERS, NO_COMPATIBLE_CODEC.
    """
    _check_count(session, producer)
    ssrc, rtx_ssrc = ssrcs.take()
    try:
        parameters, codecs = get_consumer_parameters(
            producer.consumable,
            capabilities,
            mid=str(transport.next_mid),
            ssrc=ssrc,
            rtx_ssrc=rtx_ssrc,
            # One name for all streams of a peer: browsers play streams of one CNAME in sync. It is
            # the server's, because it ends up in other peers' session descriptions.
            cname=producer.peer_id,
        )
    except UnsupportedCodec as error:
        raise Refusal(
            Code.CONSUME_ERROR, "NO_COMPATIBLE_CODEC", "There is no codec that both sides have."
        ) from error
    transport.next_mid += 1
    session.numbering.consumer += 1
    consumer_id = ConsumerId(f"{session.peer_id}.c{session.numbering.consumer}")
    selection = None
    if producer.has_layers:
        selection = Selection(preferred, len(producer.encodings), producer.activity.usable)
    spec = plan_consumer(
        parameters,
        codecs,
        consumer_id=consumer_id,
        producer_id=producer.producer_id,
        transport_id=transport.transport_id,
        kind=producer.kind,
        cname=producer.peer_id,
        layer=selection.target if selection else 0,
        paused=paused,
    )
    consumer = Consumer(
        consumer_id=consumer_id,
        session_id=session.session_id,
        producer_id=producer.producer_id,
        transport_id=transport.transport_id,
        paused=paused,
        selection=selection,
    )
    return consumer, spec, parameters


def _check_count(session: Session, producer: Producer) -> None:
    of_it = sum(consumer_id in session.consumers for consumer_id in producer.consumer_ids)
    if (
        len(session.consumers) >= MAX_CONSUMERS_PER_SESSION
        or of_it >= MAX_CONSUMERS_OF_ONE_PRODUCER
    ):
        raise Refusal(
            Code.CONSUME_ERROR,
            "TOO_MANY_CONSUMERS",
            "The session has too many consumers, of this producer or in all.",
        )

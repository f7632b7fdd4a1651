"""What a plain client's offers make of its producers, over a real gRPC server."""

from typing import Any

import grpc
import pytest

from services.common.errors import Code, Refusal
from services.common.ids import ProducerId, SessionId
from services.common.rpc.status import refusal_of
from services.pb.invigil.sfu.v1 import room_pb2
from services.pb.invigil.sfu.v1 import sfu_service_pb2 as pb
from services.sfu.core.allowance import INTERVAL_MS, SDP_BURST
from services.sfu.core.port import Extension, InboundEncoding, Kind
from tests.support.control import DEADLINE_S, Gateway, RunningWorker, Session
from tests.support.sdp import CLIENT_FINGERPRINT, NAMES, changed, section_of, vector

SIMULCAST = vector("chromium_simulcast")
PLAIN = vector("chromium_plain")


async def offer(session: Session, sdp: str, **app_data: str) -> pb.ApplySdpOfferResponse:
    """`app_data` is by mid, with an m before it."""
    tracks = [
        pb.SdpTrack(mid=name.removeprefix("m"), app_data_json=text)
        for name, text in app_data.items()
    ]
    return await session.gateway.stub.ApplySdpOffer(
        pb.ApplySdpOfferRequest(call=session.call(), sdp=sdp, tracks=tracks), timeout=DEADLINE_S
    )


async def refused(session: Session, sdp: str, **app_data: str) -> Refusal:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await offer(session, sdp, **app_data)
    return refusal_of(caught.value)


@pytest.fixture
async def ada(gateway: Gateway) -> Session:
    return await gateway.join(await gateway.watch(), "ada")


def moderating(request: pb.JoinRoomRequest) -> None:
    request.may_moderate = True


def flows(sdp: str) -> dict[str, str]:
    """Direction, or "rejected", of each section by mid."""
    found = {}
    for section in sdp.split("\r\nm=")[1:]:
        lines = section.split("\r\n")
        mid = next(line[6:] for line in lines if line.startswith("a=mid:"))
        flow = next(line[2:] for line in lines if line[2:] in ("recvonly", "inactive"))
        found[mid] = "rejected" if lines[0].split()[1] == "0" else flow
    return found


@pytest.mark.parametrize("name", [name for name in NAMES if "gstreamer" not in name])
async def test_level_of_a_microphone_is_agreed_upon_where_the_client_offers_it(
    running: RunningWorker, ada: Session, name: str
) -> None:
    answer = await offer(ada, vector(name))
    (audio,) = [spec for spec in running.media.producers.values() if spec.kind is Kind.AUDIO]
    line = f"a=extmap:{audio.extension_ids[Extension.AUDIO_LEVEL]} "
    assert f"{line}urn:ietf:params:rtp-hdrext:ssrc-audio-level" in answer.sdp.replace(
        "/recvonly", ""
    )


@pytest.mark.parametrize("name", NAMES)
async def test_real_offer_makes_a_producer_of_each_track(
    running: RunningWorker, ada: Session, name: str
) -> None:
    answer = await offer(ada, vector(name))
    assert [track.producer_id for track in answer.tracks] == ["ada.1", "ada.2"]
    kinds = {spec.kind for spec in running.media.producers.values()}
    assert kinds == {Kind.AUDIO, Kind.VIDEO}
    assert "a=ice-lite" in answer.sdp
    assert "a=setup:passive" in answer.sdp
    assert answer.transport_id in running.media.transports
    tracks = {track.mid: "recvonly" for track in answer.tracks}
    # A data channel's section is in its place, and rejected.
    assert flows(answer.sdp) == tracks | ({"2": "rejected"} if name.endswith("simulcast") else {})


async def test_simulcast_is_answered_by_its_rids_and_told_to_the_engine(
    running: RunningWorker, ada: Session
) -> None:
    answer = await offer(ada, SIMULCAST)
    video = section_of(answer.sdp, "1")
    for line in ("a=rid:q recv", "a=rid:h recv", "a=rid:f recv", "a=simulcast:recv q;h;f"):
        assert line in video.split("\r\n")
    assert video.startswith("m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n")
    assert "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id" in video
    assert "goog-remb" not in video
    spec = next(s for s in running.media.producers.values() if s.kind is Kind.VIDEO)
    assert spec.encodings == tuple(InboundEncoding(rid=rid) for rid in ("q", "h", "f"))
    assert (spec.codecs[0].payload_type, spec.codecs[0].rtx_payload_type) == (96, 97)
    assert spec.extension_ids[Extension.RRID] == 11
    assert spec.mid == "1"
    assert spec.transport_cc
    assert spec.nack


async def test_extension_that_only_one_side_sends_is_answered_the_other_way(ada: Session) -> None:
    answer = await offer(ada, vector("firefox_simulcast"))
    video = section_of(answer.sdp, "1").split("\r\n")
    assert "a=extmap:9/recvonly urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id" in video
    assert "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid" in video
    # What Firefox wants to receive says nothing about what it is to send.
    assert "stereo" not in section_of(answer.sdp, "0")


async def test_app_data_of_a_track_is_its_producers(gateway: Gateway) -> None:
    stream = await gateway.watch()
    ada = await gateway.join(stream, "ada")
    await gateway.join(stream, "eve", room_pb2.ROLE_PROCTOR)
    await offer(ada, PLAIN, m1='{"source":"camera"}')
    told = [(await stream.next()).event for _ in range(3)]
    assert [event.WhichOneof("event") for event in told[1:]] == ["producer_new"] * 2
    assert [event.producer_new.app_data_json for event in told[1:]] == ["{}", '{"source":"camera"}']


async def test_direction_pauses_and_resumes_and_a_removed_track_ends(
    running: RunningWorker, ada: Session
) -> None:
    await offer(ada, PLAIN)
    running.media.commands.clear()
    paused = changed(PLAIN, "1", ("a=sendrecv", "a=inactive"))
    answer = await offer(ada, paused)
    assert flows(answer.sdp) == {"0": "recvonly", "1": "inactive"}
    assert [track.mid for track in answer.tracks] == ["0"]
    answer = await offer(ada, PLAIN)
    assert [track.producer_id for track in answer.tracks] == ["ada.1", "ada.2"]
    removed = _without_port(PLAIN, "1")
    answer = await offer(ada, removed)
    assert flows(answer.sdp) == {"0": "recvonly", "1": "rejected"}
    another = changed(PLAIN, "1", ("a=mid:1", "a=mid:2")).replace("BUNDLE 0 1", "BUNDLE 0 2")
    answer = await offer(ada, another)
    assert [(t.mid, t.producer_id) for t in answer.tracks] == [("0", "ada.1"), ("2", "ada.3")]
    media = [command for command in running.media.commands if "transport" not in command[0]]
    assert media == [
        ("pause_producer", "ada.2"),
        ("resume_producer", "ada.2"),
        ("remove_producer", "ada.2"),
        ("add_producer", "ada.3"),
    ]
    assert list(running.media.transports) == ["ada.t1"]


def _without_port(sdp: str, mid: str) -> str:
    line = section_of(sdp, mid).split("\r\n")[0]
    kind, _, rest = line.split(" ", 2)
    return changed(sdp, mid, (line, f"{kind} 0 {rest}"))


async def test_offer_in_which_every_track_has_ended_ends_its_producers(
    running: RunningWorker, ada: Session
) -> None:
    await offer(ada, PLAIN)
    lines = _without_port(_without_port(PLAIN, "0"), "1").split("\r\n")
    gone = ("a=fingerprint", "a=setup", "a=ice", "a=group")
    answer = await offer(ada, "\r\n".join(line for line in lines if not line.startswith(gone)))
    assert flows(answer.sdp) == {"0": "rejected", "1": "rejected"}
    assert "a=group" not in answer.sdp
    assert running.media.producers == {}


async def test_single_section_needs_no_bundle_and_is_answered_without(ada: Session) -> None:
    sdp = PLAIN.split("m=video")[0].replace("a=group:BUNDLE 0 1\r\n", "")
    answer = await offer(ada, sdp)
    assert [track.producer_id for track in answer.tracks] == ["ada.1"]
    assert "a=group" not in answer.sdp


async def test_producer_paused_by_message_stays_so_over_offers(
    running: RunningWorker, ada: Session
) -> None:
    await offer(ada, PLAIN)
    await ada.gateway.stub.PauseProducer(
        pb.PauseProducerRequest(call=ada.call(), producer_id="ada.2"), timeout=DEADLINE_S
    )
    await offer(ada, changed(PLAIN, "1", ("a=sendrecv", "a=inactive")))
    await offer(ada, PLAIN)
    assert ("resume_producer", "ada.2") not in running.media.commands


async def test_direction_and_a_moderators_pause_hold_independently(
    running: RunningWorker, gateway: Gateway
) -> None:
    stream = await gateway.watch()
    ada = await gateway.join(stream, "ada")
    eve = await gateway.join(stream, "eve", room_pb2.ROLE_PROCTOR, change=moderating)
    producer_id = (await offer(ada, PLAIN)).tracks[0].producer_id

    await gateway.stub.PauseProducer(
        pb.PauseProducerRequest(call=eve.call(), producer_id=producer_id), timeout=DEADLINE_S
    )
    held = changed(PLAIN, "0", ("a=sendrecv", "a=inactive"))
    await offer(ada, held)
    track = (await offer(ada, PLAIN)).tracks[0]
    assert (track.producer_id, track.muted) == (producer_id, True)
    assert running.media.commands[-1] == ("pause_producer", producer_id)

    # It flows again at once: its owner has long since gone on sending.
    await gateway.stub.ResumeProducer(
        pb.ResumeProducerRequest(call=eve.call(), producer_id=producer_id), timeout=DEADLINE_S
    )
    assert running.media.commands[-1] == ("resume_producer", producer_id)


async def test_direction_pauses_what_a_moderator_had_paused_before(
    running: RunningWorker, gateway: Gateway
) -> None:
    stream = await gateway.watch()
    ada = await gateway.join(stream, "ada")
    eve = await gateway.join(stream, "eve", room_pb2.ROLE_PROCTOR, change=moderating)
    producer_id = (await offer(ada, PLAIN)).tracks[0].producer_id
    await gateway.stub.PauseProducer(
        pb.PauseProducerRequest(call=eve.call(), producer_id=producer_id), timeout=DEADLINE_S
    )
    await offer(ada, changed(PLAIN, "0", ("a=sendrecv", "a=inactive")))
    await gateway.stub.ResumeProducer(
        pb.ResumeProducerRequest(call=eve.call(), producer_id=producer_id), timeout=DEADLINE_S
    )
    assert running.media.commands[-1] == ("pause_producer", producer_id)
    await offer(ada, PLAIN)
    assert running.media.commands[-1] == ("resume_producer", producer_id)


async def test_track_with_an_audience_exists_for_it_alone(gateway: Gateway) -> None:
    stream = await gateway.watch()
    ada, bo = await gateway.join(stream, "ada"), await gateway.join(stream, "bo")
    eve = await gateway.join(stream, "eve", room_pb2.ROLE_PROCTOR)
    answer = await gateway.stub.ApplySdpOffer(
        pb.ApplySdpOfferRequest(
            call=eve.call(),
            sdp=PLAIN,
            tracks=[
                pb.SdpTrack(mid="0", audience_peer_ids=["ada"]),
                pb.SdpTrack(mid="1", audience_peer_ids=["nobody"]),
            ],
        ),
        timeout=DEADLINE_S,
    )
    voice, picture = answer.tracks
    assert picture.failure.reason == "PEER_NOT_FOUND"
    assert len((await ada.consume(voice.producer_id)).results) == 1
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await bo.consume(voice.producer_id)
    assert refusal_of(caught.value).reason == "PRODUCER_NOT_FOUND"


async def test_candidates_track_cannot_choose_its_audience(gateway: Gateway) -> None:
    stream = await gateway.watch()
    ada = await gateway.join(stream, "ada")
    await gateway.join(stream, "eve", room_pb2.ROLE_PROCTOR)
    track = pb.SdpTrack(mid="0", audience_peer_ids=["eve"])
    answer = await gateway.stub.ApplySdpOffer(
        pb.ApplySdpOfferRequest(call=ada.call(), sdp=PLAIN, tracks=[track]), timeout=DEADLINE_S
    )
    assert answer.tracks[0].failure.reason == "MAY_NOT_ADDRESS"
    assert answer.tracks[1].producer_id


async def test_offers_beyond_the_allowance_are_refused_unread(
    running: RunningWorker, gateway: Gateway, ada: Session
) -> None:
    for _ in range(SDP_BURST):
        await offer(ada, PLAIN)
    # Malformed, which it would be called if it were read.
    seen = [await refused(ada, "nonsense") for _ in range(SDP_BURST)]
    limited = [r for r in seen if r.reason == "TOO_MANY_DESCRIPTIONS"]
    assert len(limited) >= SDP_BURST // 2
    assert {r.code for r in limited} == {Code.RATE_LIMITED}
    assert all(0 < int(r.details["retryAfterMs"]) <= INTERVAL_MS for r in limited)
    # It is the session's own: another one is not held up.
    bo = await gateway.join(await gateway.watch("g2"), "bo")
    await offer(bo, PLAIN)
    assert len(running.media.producers) == 4


async def test_offer_costs_what_it_changes_as_messages_do(
    running: RunningWorker, ada: Session
) -> None:
    await offer(ada, PLAIN)
    seat = running.worker.seats.get(SessionId(ada.session_id))
    assert seat is not None
    changes = seat.session.changes
    paused = changed(PLAIN, "1", ("a=sendrecv", "a=inactive"))
    changes.full_at_ms = never = running.worker.clock_ms() + 2**40
    changes.burst = 2**40
    await offer(ada, paused)
    await offer(ada, paused)
    assert changes.full_at_ms == never + INTERVAL_MS
    await offer(ada, PLAIN.replace("a=sendrecv", "a=inactive"))
    await offer(ada, PLAIN)
    assert changes.full_at_ms == never + 4 * INTERVAL_MS

    changes.burst = 0

    assert (await refused(ada, paused)).reason == "TOO_MANY_CHANGES"
    assert not seat.session.producers[ProducerId("ada.2")].paused
    await ada.gateway.stub.PauseProducer(
        pb.PauseProducerRequest(call=ada.call(), producer_id="ada.2"), timeout=DEADLINE_S
    )
    assert changes.full_at_ms == never + 5 * INTERVAL_MS


async def test_producer_closed_by_message_stays_closed(ada: Session) -> None:
    await offer(ada, PLAIN)
    await ada.gateway.stub.CloseProducer(
        pb.CloseProducerRequest(call=ada.call(), producer_id="ada.2"), timeout=DEADLINE_S
    )
    answer = await offer(ada, PLAIN)
    assert flows(answer.sdp) == {"0": "recvonly", "1": "inactive"}
    assert [track.producer_id for track in answer.tracks] == ["ada.1"]


async def test_another_sender_in_the_same_section_is_another_producer(ada: Session) -> None:
    await offer(ada, PLAIN)
    answer = await offer(ada, PLAIN.replace("1968142874", "77"))
    assert [track.producer_id for track in answer.tracks] == ["ada.3", "ada.2"]


async def test_offer_of_another_peer_connection_takes_the_place_of_the_first(
    running: RunningWorker, ada: Session
) -> None:
    first = await offer(ada, PLAIN)
    line = next(line for line in PLAIN.split("\r\n") if line.startswith("a=fingerprint"))
    second = await offer(ada, PLAIN.replace(line, CLIENT_FINGERPRINT))
    assert second.transport_id != first.transport_id
    assert list(running.media.transports) == [second.transport_id]
    assert list(running.media.producers) == ["ada.3", "ada.4"]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda sdp: _with_codec(sdp, "VP9"), "UNSUPPORTED_CODEC"),
        (lambda sdp: changed(sdp, "1", ("a=rtcp-mux\r\n", "")), "NO_RTCP_MUX"),
        (lambda sdp: sdp.replace("a=group:BUNDLE 0 1", "a=group:BUNDLE 0"), "NOT_BUNDLED"),
    ],
)
async def test_section_that_cannot_be_used_is_rejected_and_the_other_is_not(
    running: RunningWorker, ada: Session, spoil: Any, reason: str
) -> None:
    answer = await offer(ada, spoil(PLAIN))
    assert flows(answer.sdp) == {"0": "recvonly", "1": "rejected"}
    good, bad = answer.tracks
    assert good.producer_id == "ada.1"
    assert (bad.mid, bad.failure.reason) == ("1", reason)
    assert list(running.media.producers) == ["ada.1"]


def _with_codec(sdp: str, name: str) -> str:
    return changed(sdp, "1", (" VP8/90000", f" {name}/90000"))


async def test_client_that_waits_for_dtls_is_answered_as_active(ada: Session) -> None:
    answer = await offer(ada, PLAIN.replace("a=setup:actpass", "a=setup:passive"))
    assert "a=setup:active" in answer.sdp
    assert "a=setup:passive" not in answer.sdp


@pytest.mark.parametrize(
    ("sdp", "reason"),
    [
        ("v=0\r\nm=audio nine x 0", "MALFORMED_SDP"),
        ("v=0\r\n", "NO_FINGERPRINT"),
        (PLAIN.replace("a=setup:actpass", "a=x"), "NO_FINGERPRINT"),
        (PLAIN.replace("a=fingerprint:sha-256", "a=fingerprint:md5"), "BAD_FINGERPRINT"),
    ],
)
async def test_offer_that_cannot_be_carried_out_is_refused_and_leaves_nothing(
    running: RunningWorker, ada: Session, sdp: str, reason: str
) -> None:
    refusal = await refused(ada, sdp)
    assert (refusal.code, refusal.reason) == (Code.TRANSPORT_ERROR, reason)
    assert running.media.is_empty


async def test_malformed_offer_is_told_which_line_is_wrong(ada: Session) -> None:
    refusal = await refused(ada, PLAIN.replace("a=setup:actpass", "a=setup:maybe", 1))
    line = PLAIN.split("\r\n").index("a=setup:actpass") + 1
    assert refusal.details["line"] == str(line)
    assert refusal.details["text"] == "a=setup:maybe"


async def test_refused_offer_changes_nothing_of_the_connection(
    running: RunningWorker, ada: Session
) -> None:
    await offer(ada, PLAIN)
    assert (await refused(ada, PLAIN.split("m=video")[0])).reason == "SECTIONS_MISSING"
    assert (await refused(ada, PLAIN, m7="{}")).reason == "UNKNOWN_MID"
    assert list(running.media.producers) == ["ada.1", "ada.2"]


async def test_app_data_that_is_too_large_rejects_its_track(ada: Session) -> None:
    answer = await offer(ada, PLAIN, m0='{"x":"' + "y" * 3000 + '"}')
    assert answer.tracks[0].failure.reason == "APP_DATA_TOO_LARGE"
    assert answer.tracks[1].producer_id == "ada.1"


async def test_observer_may_not_offer(gateway: Gateway) -> None:
    olga = await gateway.join(await gateway.watch(), "olga", room_pb2.ROLE_OBSERVER)
    refusal = await refused(olga, PLAIN)
    assert (refusal.code, refusal.reason) == (Code.FORBIDDEN, "MAY_NOT_PUBLISH")


async def test_offer_that_is_repeated_gets_the_same_answer(
    running: RunningWorker, ada: Session
) -> None:
    request = pb.ApplySdpOfferRequest(call=ada.call("again"), sdp=PLAIN)
    stub = ada.gateway.stub
    first = await stub.ApplySdpOffer(request, timeout=DEADLINE_S)
    assert await stub.ApplySdpOffer(request, timeout=DEADLINE_S) == first
    assert len(running.media.producers) == 2


async def test_leaving_frees_the_connection(running: RunningWorker, ada: Session) -> None:
    await offer(ada, SIMULCAST)
    await ada.leave()
    assert running.media.is_empty

"""The messages of plain WebRTC clients as they are on the wire, through gateway and worker."""

from typing import Any

import pytest

from tests.support.client import Client, RefusedError, connected, joined, resumed
from tests.support.gateway import ROOM, RunningGateway, RunningWorker, mint
from tests.support.sdp import answer_to, vector

CANDIDATE = "candidate:842163049 1 udp 1677729535 192.0.2.7 60769 typ srflx raddr 0.0.0.0 rport 0"


def enter(gateway: RunningGateway, role: str, name: str) -> Any:
    return joined(gateway.url, mint(role, name), ROOM, name)


async def refused(client: Client, kind: str, payload: dict[str, Any]) -> dict[str, Any]:
    reply = await client.request(kind, payload)
    assert reply.type == "error"
    return reply.payload


async def test_offer_is_answered_with_the_producer_of_each_section(
    gateway: RunningGateway, worker: RunningWorker
) -> None:
    async with enter(gateway, "proctor", "eve") as eve, enter(gateway, "candidate", "ada") as ada:
        answer = await ada.ask(
            "sdp:offer",
            {
                "sdp": vector("chromium_simulcast"),
                "tracks": [{"mid": "1", "appData": {"source": "camera"}}],
            },
        )
        assert answer == {
            "sdp": answer["sdp"],
            "transportId": f"{ada.peer_id}.t1",
            "producers": [
                {"mid": "0", "producerId": f"{ada.peer_id}.1"},
                {"mid": "1", "producerId": f"{ada.peer_id}.2"},
            ],
        }
        new = await eve.event("producer:new", producerId=f"{ada.peer_id}.2")
        assert new.payload["appData"] == {"source": "camera"}
        assert len(worker.media.producers) == 2


async def test_section_that_is_rejected_is_answered_with_an_error_in_its_place(
    gateway: RunningGateway,
) -> None:
    async with enter(gateway, "candidate", "ada") as ada:
        sdp = vector("chromium_plain").replace("VP8", "VP9").replace("H264", "VP9")
        answer = await ada.ask("sdp:offer", {"sdp": sdp})
        assert answer["producers"][1] == {
            "mid": "1",
            "error": {
                "code": "PRODUCE_ERROR",
                "message": "The section is rejected: no offered codec is supported.",
                "details": {"reason": "UNSUPPORTED_CODEC"},
            },
        }


@pytest.mark.parametrize(
    ("track", "code", "reason"),
    [
        ({"audience": ["p-1"]}, "FORBIDDEN", "MAY_NOT_ADDRESS"),
        ({"appData": {"x": 2100 * "a"}}, "INVALID_MESSAGE", "APP_DATA_TOO_LARGE"),
    ],
)
async def test_track_is_refused_with_the_code_that_produce_would_give(
    gateway: RunningGateway, track: dict[str, object], code: str, reason: str
) -> None:
    async with enter(gateway, "candidate", "ada") as ada:
        offer = {"sdp": vector("chromium_plain"), "tracks": [{"mid": "0", **track}]}
        refused, taken = (await ada.ask("sdp:offer", offer))["producers"]
        assert (refused["error"]["code"], refused["error"]["details"]["reason"]) == (code, reason)
        assert "producerId" in taken
        by_message = await ada.request("produce", {"kind": "audio", **track})
        assert by_message.payload == refused["error"]


async def test_malformed_offer_is_answered_with_its_line(gateway: RunningGateway) -> None:
    async with enter(gateway, "candidate", "ada") as ada:
        sdp = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\nm=audio nine UDP/TLS/RTP/SAVPF 111\r\n"
        assert await refused(ada, "sdp:offer", {"sdp": sdp}) == {
            "code": "TRANSPORT_ERROR",
            "message": "Line 3 of the SDP: m= is malformed; "
            "an example: m=audio 9 UDP/TLS/RTP/SAVPF 111.",
            "details": {
                "reason": "MALFORMED_SDP",
                "line": "3",
                "text": "m=audio nine UDP/TLS/RTP/SAVPF 111",
            },
        }


async def test_consumers_come_by_an_offer_of_the_server(gateway: RunningGateway) -> None:
    async with enter(gateway, "candidate", "ada") as ada, enter(gateway, "proctor", "eve") as eve:
        answer = await ada.ask("sdp:offer", {"sdp": vector("aiortc_plain")})
        wanted = [published["producerId"] for published in answer["producers"]]
        created = await eve.ask("consume", {"producerIds": wanted})
        mids = [consumer["rtpParameters"]["mid"] for consumer in created["consumers"]]
        offer = await eve.event("sdp:offer")
        assert offer.seq is None
        assert set(offer.payload) == {"offerId", "transportId", "sdp"}
        for mid, producer_id in zip(mids, wanted, strict=True):
            assert f"a=mid:{mid}\r\n" in offer.payload["sdp"]
            assert f"a=msid:{ada.peer_id} {producer_id}\r\n" in offer.payload["sdp"]
        offer_id = offer.payload["offerId"]
        sdp = answer_to(offer.payload["sdp"])
        assert await eve.ask("sdp:answer", {"offerId": offer_id, "sdp": sdp}) == {
            "offerId": offer_id
        }
        again = await refused(eve, "sdp:answer", {"offerId": offer_id, "sdp": sdp})
        assert (again["code"], again["details"]["reason"]) == ("TRANSPORT_ERROR", "STALE_OFFER")


async def test_client_that_was_cut_off_gets_the_offer_again_that_it_has_not_answered(
    gateway: RunningGateway, worker: RunningWorker
) -> None:
    async with enter(gateway, "candidate", "ada") as ada, enter(gateway, "proctor", "eve") as eve:
        answer = await ada.ask("sdp:offer", {"sdp": vector("aiortc_plain")})
        producer_ids = [published["producerId"] for published in answer["producers"]]
        created = await eve.ask("consume", {"producerId": producer_ids[0]})
        unanswered = await eve.event("sdp:offer")
        await eve.cut()

        async with resumed(gateway.url, eve) as back:
            again = await back.event("sdp:offer")
            assert again.payload == unanswered.payload
            reply = {
                "offerId": again.payload["offerId"],
                "sdp": answer_to(again.payload["sdp"]),
            }
            await back.ask("sdp:answer", reply)
            assert worker.media.commands[-1] == ("resume_consumer", created["consumerId"])
            # The connection goes on: what is consumed next is offered on it.
            await back.ask("consume", {"producerId": producer_ids[1]})
            transport_id = again.payload["transportId"]
            await back.event("sdp:offer", offerId=f"{transport_id}.o2", transportId=transport_id)


async def test_client_that_was_cut_off_is_not_asked_again_what_it_has_answered(
    gateway: RunningGateway,
) -> None:
    async with enter(gateway, "candidate", "ada") as ada, enter(gateway, "proctor", "eve") as eve:
        answer = await ada.ask("sdp:offer", {"sdp": vector("aiortc_plain")})
        await eve.ask("consume", {"producerId": answer["producers"][0]["producerId"]})
        offer = (await eve.event("sdp:offer")).payload
        await eve.ask("sdp:answer", {"offerId": offer["offerId"], "sdp": answer_to(offer["sdp"])})
        await eve.cut()

        async with resumed(gateway.url, eve) as back:
            # The offer would have come before this reply.
            await back.ask("consumer:pause", {"consumerId": f"{eve.peer_id}.c1"})
            assert [event.type for event in back.events if event.type == "sdp:offer"] == []


async def test_page_that_is_loaded_anew_closes_what_it_had_and_begins_again(
    gateway: RunningGateway, worker: RunningWorker
) -> None:
    async with enter(gateway, "candidate", "ada") as ada, enter(gateway, "proctor", "eve") as eve:
        answer = await ada.ask("sdp:offer", {"sdp": vector("aiortc_plain")})
        producer_id = answer["producers"][0]["producerId"]
        await eve.ask("consume", {"producerId": producer_id})
        old = (await eve.event("sdp:offer")).payload["transportId"]
        await eve.cut()

        async with connected(gateway.url) as fresh:
            fresh._numbers = eve._numbers
            await fresh.ask("auth:request", {"resumeToken": eve.resume_token})
            state = await fresh.event("room:state")
            assert state.payload["own"]["transports"] == [{"transportId": old, "direction": "recv"}]
            await fresh.ask("transport:close", {"transportId": old})
            await fresh.ask("consume", {"producerId": producer_id})
            offer = (await fresh.event("sdp:offer", transportId=f"{eve.peer_id}.t2")).payload
            sdp = answer_to(offer["sdp"])
            await fresh.ask("sdp:answer", {"offerId": offer["offerId"], "sdp": sdp})
            assert old not in worker.media.transports


@pytest.mark.parametrize("candidate", [CANDIDATE, f"a={CANDIDATE}", ""])
async def test_candidate_is_taken_and_so_is_the_end_of_them(
    gateway: RunningGateway, candidate: str
) -> None:
    async with enter(gateway, "candidate", "ada") as ada:
        payload = {"candidate": candidate, "sdpMid": "0", "sdpMLineIndex": 0}
        assert await ada.ask("ice:candidate", payload) == {}
        assert await ada.ask("ice:candidate", {"candidate": candidate, "sdpMid": None}) == {}


@pytest.mark.parametrize(
    "candidate",
    [
        "nonsense",
        CANDIDATE.replace(" 1 udp", " 0 udp"),
        CANDIDATE.replace("60769", "65536"),
        CANDIDATE.replace("1677729535", "4294967296"),
        CANDIDATE.replace(" typ srflx", ""),
        CANDIDATE + "\r\na=x",
    ],
)
async def test_malformed_candidate_is_refused(gateway: RunningGateway, candidate: str) -> None:
    async with enter(gateway, "candidate", "ada") as ada:
        error = await refused(ada, "ice:candidate", {"candidate": candidate})
        assert error["code"] == "TRANSPORT_ERROR"
        assert error["details"]["reason"] == "MALFORMED_CANDIDATE"


async def test_candidate_before_joining_is_out_of_place(gateway: RunningGateway) -> None:
    async with connected(gateway.url) as client:
        await client.authenticate(mint(), ROOM)
        with pytest.raises(RefusedError) as caught:
            await client.ask("ice:candidate", {"candidate": ""})
        assert caught.value.reason == "NOT_JOINED"

"""The flows of the ADR through a real gateway and a real worker control plane."""

import json

import pytest

from tests.support.client import RefusedError, connected
from tests.support.frame import frame
from tests.support.gateway import ROOM, RunningGateway, RunningWorker, joined, mint
from tests.support.poll import eventually

FINGERPRINT = {"algorithm": "sha-256", "value": ":".join(["AB"] * 32)}


async def test_join_gives_the_room_as_the_protocol_says(gateway: RunningGateway) -> None:
    async with joined(gateway, "candidate", "Ada") as ada, connected(gateway.url) as proctor:
        await proctor.authenticate(mint("proctor", "pat"), ROOM)
        state = await proctor.join(ROOM, "Pat")

        assert set(state) == {
            *("epoch", "seq", "peerId", "participants", "roomConfig", "own", "resumeToken")
        }
        assert state["peerId"] == proctor.peer_id
        assert state["participants"] == [
            {
                "peerId": ada.peer_id,
                "userId": "ada",
                "displayName": "Ada",
                "role": "candidate",
                "connection": "ok",
                "appData": {},
                "producers": [],
            }
        ]
        assert state["roomConfig"]["visibility"] == "proctored"
        assert state["roomConfig"]["locked"] is False
        assert state["roomConfig"]["maxParticipants"] == 200
        assert state["roomConfig"]["routerRtpCapabilities"]["codecs"]
        assert state["own"] == {"transports": [], "producers": [], "consumers": []}


async def test_nothing_on_the_wire_is_null(gateway: RunningGateway) -> None:
    async with joined(gateway, "candidate", "Ada") as ada, joined(gateway, "proctor", "Pat") as pat:
        await ada.ask("transport:create", {"direction": "send"})
        produced = await ada.ask("produce", {"kind": "audio"})
        await pat.ask("transport:create", {"direction": "recv"})
        await pat.ask("consume", produced)

        assert not [text for text in ada.frames + pat.frames if "null" in text]


async def test_proctor_receives_what_a_candidate_publishes(gateway: RunningGateway) -> None:
    async with joined(gateway, "candidate", "Ada") as ada, joined(gateway, "proctor", "Pat") as pat:
        transport = await ada.ask("transport:create", {"direction": "send"})
        assert transport["direction"] == "send"
        assert transport["iceParameters"]["iceLite"] is True
        assert transport["iceCandidates"][0]["address"] == transport["iceCandidates"][0]["ip"]
        assert transport["dtlsParameters"]["role"] == "auto"

        connect = {"dtlsParameters": {"role": "client", "fingerprints": [FINGERPRINT]}}
        connected_reply = await ada.ask("transport:connect", connect)
        assert connected_reply == {"transportId": transport["transportId"]}

        produced = await ada.ask("produce", {"kind": "video", "appData": {"source": "camera"}})
        announced = await pat.event("producer:new", producerId=produced["producerId"])
        assert announced.payload == {
            "producerId": produced["producerId"],
            "peerId": ada.peer_id,
            "kind": "video",
            "paused": False,
            "appData": {"source": "camera"},
        }

        await pat.ask("transport:create", {"direction": "recv"})
        consumer = await pat.ask("consume", {"producerId": produced["producerId"]})
        assert set(consumer) == {
            "consumerId",
            "producerId",
            "peerId",
            "kind",
            "rtpParameters",
            "type",
            "producerPaused",
            "appData",
        }
        assert consumer["type"] == "simple"
        assert consumer["appData"] == {"source": "camera"}


async def test_pausing_resuming_and_closing_are_answered_and_told(gateway: RunningGateway) -> None:
    async with joined(gateway, "candidate", "Ada") as ada, joined(gateway, "proctor", "Pat") as pat:
        await ada.ask("transport:create", {"direction": "send"})
        producer = await ada.ask("produce", {"kind": "audio"})
        await pat.ask("transport:create", {"direction": "recv"})
        consumed = await pat.ask("consume", producer)
        consumer = {"consumerId": consumed["consumerId"]}

        for verb, done in (("pause", "paused"), ("resume", "resumed")):
            reply = await pat.request(f"consumer:{verb}", consumer)
            assert (reply.type, reply.payload) == (f"consumer:{done}", consumer)
            reply = await ada.request(f"producer:{verb}", producer)
            assert (reply.type, reply.payload) == (f"producer:{done}", producer)
            await pat.event(f"producer:{done}", **producer)
        reply = await ada.request("producer:close", producer)
        assert (reply.type, reply.payload) == ("producer:closed", producer)
        await pat.event("consumer:closed", **consumer)
        await pat.event("producer:closed", **producer)

        seqs = [event.seq for event in pat.events]
        assert seqs == list(range(1, len(seqs) + 1))


async def test_consumer_and_transport_are_closed_on_request(gateway: RunningGateway) -> None:
    async with joined(gateway, "candidate", "Ada") as ada, joined(gateway, "proctor", "Pat") as pat:
        await ada.ask("transport:create", {"direction": "send"})
        producer = await ada.ask("produce", {"kind": "audio"})
        transport = await pat.ask("transport:create", {"direction": "recv"})
        consumed = await pat.ask("consume", producer)

        reply = await pat.request("consumer:close", {"consumerId": consumed["consumerId"]})
        assert reply.type == "consumer:closed"
        reply = await pat.request("transport:close", {"transportId": transport["transportId"]})
        assert reply.type == "transport:closed"
        assert reply.payload == {"transportId": transport["transportId"]}


async def test_several_producers_are_consumed_at_once_each_with_its_result(
    gateway: RunningGateway,
) -> None:
    async with joined(gateway, "candidate", "Ada") as ada, joined(gateway, "proctor", "Pat") as pat:
        await ada.ask("transport:create", {"direction": "send"})
        audio = await ada.ask("produce", {"kind": "audio"})
        await pat.ask("transport:create", {"direction": "recv"})

        both = await pat.ask("consume", {"producerIds": [audio["producerId"], "p-none.1"]})
        one = await pat.ask("consume", {"producerIds": ["p-none.1"]})

        first, second = both["consumers"]
        assert first["producerId"] == audio["producerId"]
        assert first["kind"] == "audio"
        assert second["producerId"] == "p-none.1"
        assert second["error"]["code"] == "CONSUME_ERROR"
        assert one["consumers"] == [second]


async def test_candidate_cannot_tell_another_candidates_producer_from_none(
    gateway: RunningGateway,
) -> None:
    async with joined(gateway, "candidate", "Ada") as ada, joined(gateway, "candidate", "Bo") as bo:
        await ada.ask("transport:create", {"direction": "send"})
        producer = await ada.ask("produce", {"kind": "audio"})
        await bo.ask("transport:create", {"direction": "recv"})

        real = await bo.request("consume", producer)
        unknown = await bo.request("consume", {"producerId": "p-none.1"})

        assert real.payload == unknown.payload
        assert real.payload["code"] == "CONSUME_ERROR"
        assert bo.events == []
        assert not [text for text in bo.frames if ada.peer_id in text or "Ada" in text]


async def test_unknown_transport_is_a_transport_error(gateway: RunningGateway) -> None:
    dtls = {"role": "client", "fingerprints": [FINGERPRINT]}
    async with joined(gateway, "candidate", "Ada") as ada:
        await ada.ask("transport:create", {"direction": "send"})

        for kind, payload in (
            ("transport:connect", {"transportId": "t-none", "dtlsParameters": dtls}),
            ("transport:close", {"transportId": "t-none"}),
        ):
            answer = await ada.request(kind, payload)
            assert answer.payload["code"] == "TRANSPORT_ERROR"


async def test_observer_publishes_nothing(gateway: RunningGateway) -> None:
    async with joined(gateway, "observer", "Olga") as olga:
        await olga.request("transport:create", {"direction": "send"})
        answer = await olga.request("produce", {"kind": "audio"})

        assert answer.payload["code"] == "FORBIDDEN"


async def test_room_that_nobody_may_create_is_not_found(gateway: RunningGateway) -> None:
    async with connected(gateway.url) as client:
        await client.authenticate(mint(create=None), ROOM)

        with pytest.raises(RefusedError) as caught:
            await client.join(ROOM, "Ada")

        assert caught.value.code == "ROOM_NOT_FOUND"


async def test_full_room_is_full(gateway: RunningGateway) -> None:
    async with connected(gateway.url) as first, connected(gateway.url) as second:
        await first.authenticate(mint(maxParticipants=1), ROOM)
        await first.join(ROOM, "Ada")
        await second.authenticate(mint("proctor", "pat"), ROOM)

        with pytest.raises(RefusedError) as caught:
            await second.join(ROOM, "Pat")

        assert caught.value.code == "ROOM_FULL"


async def test_leaving_frees_the_seat_and_closes(
    gateway: RunningGateway, worker: RunningWorker
) -> None:
    async with joined(gateway, "candidate", "Ada") as ada, joined(gateway, "proctor", "Pat") as pat:
        assert await ada.ask("room:leave") == {"reason": "LEFT"}
        assert await ada.close_code() == 1000

        left = await pat.event("participant:left", peerId=ada.peer_id)
        assert left.payload["reason"] == "LEFT"
        await eventually(lambda: len(worker.worker.seats) == 1)


async def test_client_that_vanishes_keeps_its_seat_for_the_grace_time(
    gateway: RunningGateway, worker: RunningWorker
) -> None:
    async with joined(gateway, "proctor", "Pat") as pat:
        async with joined(gateway, "candidate", "Ada") as ada:
            await pat.event("participant:joined")

        event = await pat.event("participant:updated")
        assert event.payload["participant"]["peerId"] == ada.peer_id
        assert event.payload["participant"]["connection"] == "lost"
        assert len(worker.worker.seats) == 2


async def test_ping_is_answered_with_the_same_object(gateway: RunningGateway) -> None:
    async with joined(gateway, "candidate", "Ada") as ada:
        pong = await ada.ask("ping", {"t": 1.5, "nested": {"a": [None]}})

        assert pong["t"] == 1.5
        assert pong["nested"] == {"a": [None]}
        assert pong["serverTime"] > 1_700_000_000_000
        assert 0 <= pong["workerAgeMs"] < 60_000


async def test_repeated_request_gets_the_stored_reply_and_another_payload_none(
    gateway: RunningGateway,
) -> None:
    async with joined(gateway, "candidate", "Ada") as ada:
        await ada.ask("transport:create", {"direction": "send"})
        first = await ada.ask("produce", {"kind": "audio"}, correlationId="same")
        again = await ada.ask("produce", {"kind": "audio"}, correlationId="same")
        other = await ada.request("produce", {"kind": "video"}, correlationId="same")

        assert first == again
        assert other.payload["code"] == "INVALID_MESSAGE"
        assert other.payload["details"]["reason"] == "REQUEST_ID_REUSED"


async def test_repeated_join_gets_the_stored_room_and_events_go_on(
    gateway: RunningGateway,
) -> None:
    async with connected(gateway.url) as ada, connected(gateway.url) as pat:
        await ada.authenticate(mint("proctor", "ada"), ROOM)
        payload = {"roomId": ROOM, "displayName": "Ada"}
        first = await ada.ask("room:join", payload, correlationId="j")
        again = await ada.ask("room:join", payload, correlationId="j")
        assert json.dumps(first) == json.dumps(again)

        await pat.authenticate(mint("proctor", "pat"), ROOM)
        await pat.join(ROOM, "Pat")
        assert (await ada.event("participant:joined")).seq == 1


async def test_one_correlation_id_on_several_requests_at_once_is_one_request(
    gateway: RunningGateway, worker: RunningWorker
) -> None:
    """The repeats come before the first has its answer."""
    async with connected(gateway.url) as ada:
        await ada.authenticate(mint(), ROOM)
        await ada.join(ROOM, "Ada")
        for direction in ("send", "send", "recv", "send"):
            text = frame("transport:create", {"direction": direction}, correlationId="same")
            await ada.send_text(text)
        await ada.ask("ping")

        answers = [json.loads(text) for text in ada.frames if '"same"' in text]
        assert [answer["type"] for answer in answers] == [
            *("transport:created", "transport:created", "error", "transport:created")
        ]
        assert answers[2]["payload"]["details"]["reason"] == "REQUEST_ID_REUSED"
        assert answers[0]["payload"] == answers[1]["payload"] == answers[3]["payload"]
        assert len(worker.media.transports) == 1

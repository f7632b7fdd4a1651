"""GStreamer's webrtcbin, twice, behind lines of JSON: [what, sdp] in, the result out.

Runs in the system's Python, whose bindings free a description twice unless every object that came
out of a promise is kept.
"""

import json
import os
import sys
import threading
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402 - after their versions

SENDING = """
    webrtcbin name=peer bundle-policy=max-bundle
    videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=15/1
      ! vp8enc deadline=1 keyframe-max-dist=30 ! rtpvp8pay pt=96
      ! application/x-rtp,media=video,encoding-name=VP8,payload=96 ! peer.
    audiotestsrc is-live=true ! audioconvert ! audioresample ! opusenc ! rtpopuspay pt=97
      ! application/x-rtp,media=audio,encoding-name=OPUS,payload=97 ! peer.
"""
GATHERED_WITHIN_S = 20

kept: list[Any] = []


def promised(peer: Any, signal: str, *arguments: Any) -> Any:
    """What a webrtcbin replies to a signal that takes a promise."""
    promise = Gst.Promise.new()
    kept.append(promise)
    peer.emit(signal, *arguments, promise)
    promise.wait()
    reply = promise.get_reply()
    kept.append(reply)
    return reply


def describe(kind: Any, text: str) -> Any:
    result, message = GstSdp.SDPMessage.new_from_text(text)
    assert result == GstSdp.SDPResult.OK, "GStreamer cannot read the SDP"
    description = GstWebRTC.WebRTCSessionDescription.new(kind, message)
    kept.extend([message, description])
    return description


def set_local(peer: Any, reply: Any, name: str) -> str:
    """Use the description of a reply; its text, with the candidates."""
    assert reply is not None, f"no {name}"
    description = reply.get_value(name)
    assert description is not None, f"no {name}: {reply.to_string()}"
    kept.append(description)
    promised(peer, "set-local-description", description)
    for _ in range(GATHERED_WITHIN_S * 100):
        if peer.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            break
        threading.Event().wait(0.01)
    local = peer.get_property("local-description")
    kept.append(local)
    return str(local.sdp.as_text())


class Sender:
    """Sends a picture and a sound."""

    def __init__(self) -> None:
        self._pipeline = Gst.parse_launch(SENDING)
        self._peer = self._pipeline.get_by_name("peer")
        self._needed = threading.Event()
        self._peer.connect("on-negotiation-needed", lambda _: self._needed.set())
        self._pipeline.set_state(Gst.State.PLAYING)

    def offer(self) -> str:
        self._needed.wait()
        return set_local(self._peer, promised(self._peer, "create-offer", None), "offer")

    def take_answer(self, sdp: str) -> None:
        answer = describe(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
        promised(self._peer, "set-remote-description", answer)


class Receiver:
    """Decodes what it gets, and counts it by the section's mid."""

    def __init__(self) -> None:
        self._frames: dict[tuple[str, str], int] = {}
        self._pipeline = Gst.Pipeline.new("receiver")
        self._peer = Gst.ElementFactory.make("webrtcbin", "peer")
        self._peer.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        self._pipeline.add(self._peer)
        self._peer.connect("pad-added", self._added)
        self._pipeline.set_state(Gst.State.PLAYING)

    def answer(self, sdp: str) -> str:
        offer = describe(GstWebRTC.WebRTCSDPType.OFFER, sdp)
        promised(self._peer, "set-remote-description", offer)
        return set_local(self._peer, promised(self._peer, "create-answer", None), "answer")

    def decoded(self) -> list[list[Any]]:
        return [[mid, kind, frames] for (mid, kind), frames in list(self._frames.items())]

    def _added(self, _: Any, pad: Any) -> None:
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        transceiver = pad.get_property("transceiver")
        kept.append(transceiver)
        kind = pad.get_current_caps().get_structure(0).get_string("media")
        key = (transceiver.get_property("mid") or "", kind)
        decoder = "rtpvp8depay ! vp8dec" if kind == "video" else "rtpopusdepay ! opusdec"
        text = f"queue ! {decoder} ! fakesink name=sink signal-handoffs=true async=false"
        branch = Gst.parse_bin_from_description(text, True)
        branch.get_by_name("sink").connect("handoff", lambda *_: self._count(key))
        self._pipeline.add(branch)
        branch.sync_state_with_parent()
        pad.link(branch.get_static_pad("sink"))

    def _count(self, key: tuple[str, str]) -> None:
        self._frames[key] = self._frames.get(key, 0) + 1


def main() -> None:
    Gst.init(None)
    loop = GLib.MainLoop()
    threading.Thread(target=loop.run, daemon=True).start()
    sender: Sender | None = None
    receiver: Receiver | None = None
    for line in sys.stdin:
        what, sdp = json.loads(line)
        result: Any = None
        if what in ("offer", "take_answer"):
            sender = sender or Sender()
            if what == "offer":
                result = sender.offer()
            else:
                sender.take_answer(sdp)
        else:
            receiver = receiver or Receiver()
            result = receiver.answer(sdp) if what == "answer" else receiver.decoded()
        print(json.dumps(result), flush=True)
    # Without the bindings' own clean-up, which frees twice.
    os._exit(0)


main()

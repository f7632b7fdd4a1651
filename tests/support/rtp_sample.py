"""RTP capabilities and parameters that browsers really sent and accepted, as core's values.

The JSON is of Chromium 156 and Firefox 153 with mediasoup-client 3.24.1.
"""

import json
from pathlib import Path
from typing import Any

from services.sfu.core.capability import ROUTER_CAPABILITIES
from services.sfu.core.ortc import Consumable, get_consumable, get_producer_mapping
from services.sfu.core.port import Kind
from services.sfu.core.rtp import (
    CodecCapability,
    CodecParameters,
    EncodingParameters,
    HeaderExtension,
    HeaderExtensionParameters,
    RtcpFeedback,
    RtcpParameters,
    RtpCapabilities,
    RtpParameters,
)
from services.sfu.core.rtp_check import check_parameters

VECTORS = Path(__file__).parent / "rtp_vector"


def read(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text())


def feedback(codec: Any) -> tuple[RtcpFeedback, ...]:
    return tuple(RtcpFeedback(item["type"], item["parameter"]) for item in codec["rtcpFeedback"])


def capabilities(name: str) -> RtpCapabilities:
    data = read(name)
    return RtpCapabilities(
        tuple(
            CodecCapability(
                Kind(codec["kind"]),
                codec["mimeType"],
                codec["preferredPayloadType"],
                codec["clockRate"],
                codec.get("channels"),
                codec["parameters"],
                feedback(codec),
            )
            for codec in data["codecs"]
        ),
        tuple(
            HeaderExtension(
                Kind(extension["kind"]),
                extension["uri"],
                extension["preferredId"],
                extension["direction"],
                extension["preferredEncrypt"],
            )
            for extension in data["headerExtensions"]
        ),
    )


def parameters(name: str) -> RtpParameters:
    data = read(name)
    return RtpParameters(
        data["mid"],
        tuple(
            CodecParameters(
                codec["mimeType"],
                codec["payloadType"],
                codec["clockRate"],
                codec.get("channels"),
                codec["parameters"],
                feedback(codec),
            )
            for codec in data["codecs"]
        ),
        tuple(
            HeaderExtensionParameters(extension["uri"], extension["id"], extension["encrypt"])
            for extension in data["headerExtensions"]
        ),
        tuple(
            EncodingParameters(
                encoding.get("ssrc"),
                encoding.get("rid"),
                encoding.get("rtx", {}).get("ssrc"),
                encoding.get("scalabilityMode"),
                encoding.get("maxBitrate"),
                encoding.get("dtx"),
            )
            for encoding in data["encodings"]
        ),
        RtcpParameters(data["rtcp"]["cname"], data["rtcp"]["reducedSize"], data["rtcp"].get("mux")),
        data.get("msid"),
    )


def consumable(kind: Kind, sent: RtpParameters) -> Consumable:
    check_parameters(kind, sent)
    mapping = get_producer_mapping(sent, ROUTER_CAPABILITIES)
    return get_consumable(kind, sent, ROUTER_CAPABILITIES, mapping)


CHROMIUM = capabilities("chromium_receive_capabilities")

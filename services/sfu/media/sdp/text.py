"""Implements `core.description.SdpFormat`."""

from services.common.errors import Code, Refusal
from services.sfu.core.description import Description, OwnDescription
from services.sfu.media.sdp import reader, writer
from services.sfu.media.sdp.line import MalformedSdp


class SdpText:
    """Descriptions as SDP (RFC 8866)."""

    def read(self, text: str) -> Description:
        """Raises Refusal: TRANSPORT_ERROR, MALFORMED_SDP, with the line and what stands there."""
        try:
            return reader.read(text)
        except MalformedSdp as error:
            # What stands there is not in the message, which is logged: it may be an ICE password.
            raise Refusal(
                Code.TRANSPORT_ERROR,
                "MALFORMED_SDP",
                f"Line {error.line_number} of the SDP: {error.problem}.",
                details={"line": str(error.line_number), "text": error.excerpt},
            ) from error

    def write(self, description: OwnDescription) -> str:
        return writer.write(description)

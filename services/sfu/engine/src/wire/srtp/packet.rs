//! Where the parts of protected packets are.

use super::SrtpError;
use crate::wire::octet::read_u32;
use crate::wire::rtp::RtpHeader;

/// The E bit of the word behind an SRTCP packet: it is encrypted (RFC 3711 section 3.4).
pub(super) const ENCRYPTED_FLAG: u32 = 1 << 31;
pub(super) const INDEX_WORD_BYTES: usize = 4;
/// First word and sender SSRC stay in the clear.
pub(super) const RTCP_CLEAR_BYTES: usize = 8;

/// What an RTP header tells SRTP.
pub(super) struct RtpParts {
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    pub(super) header_bytes: usize,
}

impl RtpParts {
    /// `packet` without its tag.
    pub(super) fn parse(packet: &[u8]) -> Result<Self, SrtpError> {
        let header = RtpHeader::parse_clear(packet).ok_or(SrtpError::Malformed)?;
        Ok(Self {
            ssrc: header.ssrc,
            sequence: header.sequence,
            header_bytes: header.payload_start,
        })
    }
}

/// SSRC of the sender of a compound RTCP packet.
pub(super) fn rtcp_ssrc(packet: &[u8]) -> Result<u32, SrtpError> {
    match packet.first() {
        Some(first) if first >> 6 == 2 => read_u32(packet, 4).ok_or(SrtpError::Malformed),
        _ => Err(SrtpError::Malformed),
    }
}

//! What we send to a peer.

use super::cipher::SessionCipher;
use super::derivation::{SessionKeys, Usage};
use super::packet::{ENCRYPTED_FLAG, INDEX_WORD_BYTES, RTCP_CLEAR_BYTES, RtpParts, rtcp_ssrc};
use super::{Profile, SrtpError};

/// Keys of one transport's outbound side, and its SRTCP index.
pub struct OutboundContext {
    rtp_cipher: SessionCipher,
    rtcp_cipher: SessionCipher,
    tag_bytes: usize,
    /// One count for all SSRCs of the transport: an index is never used twice with one key.
    next_rtcp_index: u32,
}

impl OutboundContext {
    /// Keys are derived and expanded here, once.
    pub fn new(profile: Profile, master_key: &[u8], master_salt: &[u8]) -> Result<Self, SrtpError> {
        let rtp = SessionKeys::derive(profile, Usage::Rtp, master_key, master_salt)?;
        let rtcp = SessionKeys::derive(profile, Usage::Rtcp, master_key, master_salt)?;
        Self::from_session_keys(profile, &rtp, &rtcp, 1)
    }

    pub(super) fn from_session_keys(
        profile: Profile,
        rtp: &SessionKeys,
        rtcp: &SessionKeys,
        next_rtcp_index: u32,
    ) -> Result<Self, SrtpError> {
        Ok(Self {
            rtp_cipher: SessionCipher::new(profile, rtp)?,
            rtcp_cipher: SessionCipher::new(profile, rtcp)?,
            tag_bytes: profile.tag_bytes(),
            next_rtcp_index,
        })
    }

    /// Encrypt `packet[..plain_length]` in place and append the tag. Answers the new length.
    ///
    /// `roc` counts the wraps of this SSRC's sequence number: the caller makes the numbers. A pair
    /// of SSRC and index must never be used for two different packets. A retransmission of the same
    /// packet is protected to the same bytes.
    pub fn protect_rtp(
        &self,
        packet: &mut [u8],
        plain_length: usize,
        roc: u32,
    ) -> Result<usize, SrtpError> {
        let plain = packet
            .get(..plain_length)
            .ok_or(SrtpError::BufferTooSmall)?;
        let RtpParts {
            ssrc,
            sequence,
            header_bytes,
        } = RtpParts::parse(plain)?;
        let index = u64::from(roc) << 16 | u64::from(sequence);
        let length = plain_length
            .checked_add(self.tag_bytes)
            .ok_or(SrtpError::BufferTooSmall)?;
        let packet = packet.get_mut(..length).ok_or(SrtpError::BufferTooSmall)?;
        match &self.rtp_cipher {
            SessionCipher::Gcm(gcm) => gcm.seal_rtp(packet, header_bytes, ssrc, index),
            SessionCipher::CounterHmac(suite) => suite.seal_rtp(packet, header_bytes, ssrc, index),
        }?;
        Ok(length)
    }

    /// Encrypt a compound RTCP packet in place, append tag and index. Answers the new length.
    pub fn protect_rtcp(
        &mut self,
        packet: &mut [u8],
        plain_length: usize,
    ) -> Result<usize, SrtpError> {
        let plain = packet
            .get(..plain_length)
            .ok_or(SrtpError::BufferTooSmall)?;
        if plain_length < RTCP_CLEAR_BYTES {
            return Err(SrtpError::Malformed);
        }
        let ssrc = rtcp_ssrc(plain)?;
        let index = self.next_rtcp_index;
        if index & ENCRYPTED_FLAG != 0 {
            return Err(SrtpError::KeyExhausted);
        }
        let length = plain_length
            .checked_add(self.tag_bytes + INDEX_WORD_BYTES)
            .ok_or(SrtpError::BufferTooSmall)?;
        let packet = packet.get_mut(..length).ok_or(SrtpError::BufferTooSmall)?;
        self.next_rtcp_index += 1;
        match &self.rtcp_cipher {
            SessionCipher::Gcm(gcm) => gcm.seal_rtcp(packet, ssrc, index),
            SessionCipher::CounterHmac(suite) => suite.seal_rtcp(packet, ssrc, index),
        }?;
        Ok(length)
    }
}

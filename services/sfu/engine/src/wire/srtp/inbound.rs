//! What a peer sends us.

use super::cipher::{GCM_TAG_BYTES, HMAC_TAG_BYTES, SessionCipher};
use super::derivation::{SessionKeys, Usage};
use super::packet::{ENCRYPTED_FLAG, INDEX_WORD_BYTES, RTCP_CLEAR_BYTES, RtpParts, rtcp_ssrc};
use super::replay::ReplayWindow;
use super::{Profile, SrtpError};
use crate::wire::octet::read_u32;

/// SSRCs that one transport may use, for RTP and for RTCP each.
pub const MAX_SSRCS: usize = 128;
/// The ROC has 32 bits and the sequence number 16.
const MAX_RTP_INDEX: u64 = (1 << 48) - 1;

/// Keys, rollover counters and replay windows of one transport's inbound side.
pub struct InboundContext {
    rtp_cipher: SessionCipher,
    rtcp_cipher: SessionCipher,
    rtp_streams: Streams,
    rtcp_streams: Streams,
}

impl InboundContext {
    /// Keys are derived and expanded here, once.
    pub fn new(profile: Profile, master_key: &[u8], master_salt: &[u8]) -> Result<Self, SrtpError> {
        let rtp = SessionKeys::derive(profile, Usage::Rtp, master_key, master_salt)?;
        let rtcp = SessionKeys::derive(profile, Usage::Rtcp, master_key, master_salt)?;
        Self::from_session_keys(profile, &rtp, &rtcp)
    }

    pub(super) fn from_session_keys(
        profile: Profile,
        rtp: &SessionKeys,
        rtcp: &SessionKeys,
    ) -> Result<Self, SrtpError> {
        Ok(Self {
            rtp_cipher: SessionCipher::new(profile, rtp)?,
            rtcp_cipher: SessionCipher::new(profile, rtcp)?,
            rtp_streams: Streams::default(),
            rtcp_streams: Streams::default(),
        })
    }

    /// Authenticate and decrypt in place. Answers the length of the plain packet, which begins
    /// where the protected one did. After an error the packet's bytes are undefined.
    ///
    /// Only an authentic packet leaves a trace: nobody without the key can make us remember an SSRC
    /// or move a rollover counter.
    pub fn unprotect_rtp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let tag_bytes = match self.rtp_cipher {
            SessionCipher::Gcm(_) => GCM_TAG_BYTES,
            SessionCipher::CounterHmac(_) => HMAC_TAG_BYTES,
        };
        let plain_length = packet
            .len()
            .checked_sub(tag_bytes)
            .ok_or(SrtpError::Malformed)?;
        let RtpParts {
            ssrc,
            sequence,
            header_bytes,
        } = RtpParts::parse(&packet[..plain_length])?;
        let slot = self.rtp_streams.find(ssrc);
        let index = slot
            .estimate(&self.rtp_streams, sequence)
            .ok_or(SrtpError::Replayed)?;
        if index > MAX_RTP_INDEX {
            return Err(SrtpError::KeyExhausted);
        }
        slot.check(&self.rtp_streams, index)?;
        match &self.rtp_cipher {
            SessionCipher::Gcm(gcm) => gcm.open_rtp(packet, header_bytes, ssrc, index),
            SessionCipher::CounterHmac(suite) => suite.open_rtp(packet, header_bytes, ssrc, index),
        }?;
        self.rtp_streams.accept(slot, ssrc, index)?;
        Ok(plain_length)
    }

    /// The same for a compound RTCP packet.
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let (trailer_bytes, word_from_end) = match self.rtcp_cipher {
            SessionCipher::Gcm(_) => (GCM_TAG_BYTES + INDEX_WORD_BYTES, INDEX_WORD_BYTES),
            SessionCipher::CounterHmac(_) => {
                let trailer_bytes = INDEX_WORD_BYTES + HMAC_TAG_BYTES;
                (trailer_bytes, trailer_bytes)
            }
        };
        let plain_length = packet
            .len()
            .checked_sub(trailer_bytes)
            .ok_or(SrtpError::Malformed)?;
        if plain_length < RTCP_CLEAR_BYTES {
            return Err(SrtpError::Malformed);
        }
        let ssrc = rtcp_ssrc(packet)?;
        let word = read_u32(packet, packet.len() - word_from_end).ok_or(SrtpError::Malformed)?;
        let index = u64::from(word & !ENCRYPTED_FLAG);
        let slot = self.rtcp_streams.find(ssrc);
        slot.check(&self.rtcp_streams, index)?;
        match &self.rtcp_cipher {
            SessionCipher::Gcm(gcm) => gcm.open_rtcp(packet, ssrc),
            SessionCipher::CounterHmac(suite) => suite.open_rtcp(packet, ssrc),
        }?;
        self.rtcp_streams.accept(slot, ssrc, index)?;
        Ok(plain_length)
    }

    /// Drop the state of an SSRC that is not used any more, to make room below the bound.
    ///
    /// Its old packets could be replayed from here on, so call this only when nothing is routed
    /// from the SSRC.
    pub fn forget(&mut self, ssrc: u32) {
        self.rtp_streams.remove(ssrc);
        self.rtcp_streams.remove(ssrc);
    }
}

/// Replay windows by SSRC. The SSRCs lie side by side: a transport has few, and a scan of one or
/// two cache lines beats a hash.
#[derive(Default)]
struct Streams {
    ssrcs: Vec<u32>,
    windows: Vec<ReplayWindow>,
}

/// Where the state of a packet's SSRC is, or that it has none yet.
#[derive(Clone, Copy)]
enum Slot {
    Known(usize),
    New,
}

impl Slot {
    fn window(self, streams: &Streams) -> Option<&ReplayWindow> {
        match self {
            Self::Known(at) => streams.windows.get(at),
            Self::New => None,
        }
    }

    /// The index of a sequence number; the ROC of a new SSRC is zero (RFC 3711 section 3.3.1).
    fn estimate(self, streams: &Streams, sequence: u16) -> Option<u64> {
        self.window(streams)
            .map_or(Some(u64::from(sequence)), |window| {
                window.estimate(sequence)
            })
    }

    fn check(self, streams: &Streams, index: u64) -> Result<(), SrtpError> {
        match self.window(streams) {
            Some(window) if !window.is_fresh(index) => Err(SrtpError::Replayed),
            _ => Ok(()),
        }
    }
}

impl Streams {
    fn find(&self, ssrc: u32) -> Slot {
        let position = self.ssrcs.iter().position(|known| *known == ssrc);
        position.map_or(Slot::New, Slot::Known)
    }

    /// Only an authentic packet may be told that there is no room: whoever hears it makes some.
    fn accept(&mut self, slot: Slot, ssrc: u32, index: u64) -> Result<(), SrtpError> {
        match slot {
            Slot::Known(at) => {
                if let Some(window) = self.windows.get_mut(at) {
                    window.accept(index);
                }
            }
            Slot::New if self.ssrcs.len() == MAX_SSRCS => return Err(SrtpError::TooManySsrcs),
            Slot::New => {
                self.ssrcs.push(ssrc);
                self.windows.push(ReplayWindow::starting_at(index));
            }
        }
        Ok(())
    }

    fn remove(&mut self, ssrc: u32) {
        if let Some(at) = self.ssrcs.iter().position(|known| *known == ssrc) {
            self.ssrcs.swap_remove(at);
            self.windows.swap_remove(at);
        }
    }
}

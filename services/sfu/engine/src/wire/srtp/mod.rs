//! SRTP and SRTCP (RFC 3711) with AES-CM/HMAC-SHA1-80 and AES-GCM (RFC 7714).

mod cipher;
mod derivation;
mod inbound;
mod outbound;
mod packet;
mod profile;
mod replay;

pub use inbound::{InboundContext, MAX_SSRCS};
pub use outbound::OutboundContext;
pub use profile::{MAX_OVERHEAD_BYTES, Profile};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SrtpError {
    /// Master key or salt has the wrong length for the profile.
    BadKey,
    /// Too short or not RTP/RTCP.
    Malformed,
    /// Seen before, or too old to know.
    Replayed,
    /// The tag does not match.
    Unauthentic,
    /// More SSRCs than a transport may have.
    TooManySsrcs,
    /// The caller's buffer has no room for the tag.
    BufferTooSmall,
    /// The index space of the key is used up.
    KeyExhausted,
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

//! Bytes to values and back: no I/O, no clock, no allocation per packet.
//!
//! Everything a parser sees was sent by somebody hostile: a parser answers `None` or an error, it
//! never panics. A builder writes into the caller's buffer and answers `None` when it is too small.

pub mod demux;
pub mod nack;
pub mod octet;
pub mod rtcp;
pub mod rtp;
pub mod rtx;
pub mod sequence;
pub mod srtp;
pub mod stun;
pub mod twcc;
pub mod vp8;

#[cfg(test)]
pub mod testing;

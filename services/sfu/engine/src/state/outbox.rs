//! Where the state writes the datagrams that are to be sent.

use super::counter::Counters;
use super::transport::{Crypto, Transport};
use super::tuple::Tuple;
use crate::wire::srtp::MAX_OVERHEAD_BYTES;

/// Nothing longer leaves (and DTLS-SRTP clients read no more).
pub const DATAGRAM_BYTES: usize = 1_500;

/// Write into the slot, then commit it; a slot that is not committed is simply used again.
pub trait Outbox {
    /// `DATAGRAM_BYTES` of scratch space.
    fn slot(&mut self) -> &mut [u8];

    /// Send the first `length` bytes of the slot from `tuple.local` to `tuple.remote`.
    fn commit(&mut self, length: usize, tuple: &Tuple);
}

/// Encrypts and commits what `write` writes. `None` when nothing went out.
pub fn send_rtcp(
    transport: &mut Transport,
    out: &mut dyn Outbox,
    counters: &Counters,
    write: impl FnOnce(&mut [u8]) -> Option<usize>,
) -> Option<()> {
    let tuple = transport.agent.destination()?;
    let crypto = transport.crypto.as_mut()?;
    let length = send_rtcp_to(&tuple, crypto, out, counters, write)?;
    transport.sent.note(length);
    Some(())
}

/// The same for a caller who has lent out another part of the transport. Answers how long it became.
pub fn send_rtcp_to(
    tuple: &Tuple,
    crypto: &mut Crypto,
    out: &mut dyn Outbox,
    counters: &Counters,
    write: impl FnOnce(&mut [u8]) -> Option<usize>,
) -> Option<usize> {
    let slot = out.slot();
    let plain = write(&mut slot[..DATAGRAM_BYTES - MAX_OVERHEAD_BYTES])?;
    let length = crypto.outbound.protect_rtcp(slot, plain).ok()?;
    out.commit(length, tuple);
    counters.rtcp_packets_out.one();
    Some(length)
}

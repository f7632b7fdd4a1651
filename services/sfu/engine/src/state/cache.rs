//! The last packets of one encoding, decrypted, for retransmission to any of its consumers.

use super::outbox::DATAGRAM_BYTES;
use crate::wire::rtp::RtpHeader;

#[derive(Clone, Copy)]
struct Slot {
    /// Extended sequence number; 0 for nothing, which no packet has.
    extended: u64,
    header: RtpHeader,
    length: usize,
}

/// A ring that is allocated once; untouched pages of it cost nothing.
pub struct PacketCache {
    slots: Box<[Option<Slot>]>,
    bytes: Box<[u8]>,
}

impl PacketCache {
    /// `capacity` is a power of two.
    pub fn new(capacity: usize) -> Self {
        debug_assert!(capacity.is_power_of_two(), "an index is a mask");
        Self {
            slots: vec![None; capacity].into_boxed_slice(),
            bytes: vec![0; capacity * DATAGRAM_BYTES].into_boxed_slice(),
        }
    }

    fn index(&self, extended: u64) -> usize {
        extended as usize & (self.slots.len() - 1)
    }

    /// Keeps a copy. A packet that is older than what its place holds is not kept.
    pub fn put(&mut self, extended: u64, header: &RtpHeader, packet: &[u8]) {
        let index = self.index(extended);
        let newer = self.slots[index].is_some_and(|slot| slot.extended > extended);
        if newer || packet.len() > DATAGRAM_BYTES {
            return;
        }
        let start = index * DATAGRAM_BYTES;
        self.bytes[start..start + packet.len()].copy_from_slice(packet);
        self.slots[index] = Some(Slot {
            extended,
            header: *header,
            length: packet.len(),
        });
    }

    pub fn get(&self, extended: u64) -> Option<(&RtpHeader, &[u8])> {
        let index = self.index(extended);
        let slot = self.slots[index].as_ref()?;
        if slot.extended != extended {
            return None;
        }
        let start = index * DATAGRAM_BYTES;
        Some((&slot.header, &self.bytes[start..start + slot.length]))
    }
}

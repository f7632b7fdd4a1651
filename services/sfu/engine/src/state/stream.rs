//! What an incoming SSRC is: claimed by a producer, or remembered until one claims it.

use super::extension::{Extension, ExtensionIds};
use crate::wire::rtp::RtpHeader;

/// Streams that a transport remembers before `produce`.
const MAX_UNCLAIMED: usize = 32;
/// Elements that are remembered of a stream.
const MAX_ELEMENTS: usize = 16;
/// Longer values are no MID or RID of a browser.
const MAX_VALUE_BYTES: usize = 32;

/// A stream that belongs to a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamRole {
    pub producer: usize,
    pub encoding: usize,
    pub rtx: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Element {
    id: u8,
    length: u8,
    value: [u8; MAX_VALUE_BYTES],
}

/// All that the packets of a stream have said about it.
///
/// Browsers stop sending MID and RID within the first second, and which id means what is known only at
/// `produce`, so raw elements are merged over the packets.
#[derive(Clone, Copy, Debug)]
pub struct StreamTraits {
    pub ssrc: u32,
    pub payload_type: u8,
    elements: [Element; MAX_ELEMENTS],
    count: usize,
    seen_at_micros: u64,
}

impl StreamTraits {
    pub fn new(ssrc: u32, payload_type: u8) -> Self {
        Self {
            ssrc,
            payload_type,
            elements: [Element::default(); MAX_ELEMENTS],
            count: 0,
            seen_at_micros: 0,
        }
    }

    pub fn merge(&mut self, header: &RtpHeader, packet: &[u8]) {
        self.payload_type = header.payload_type;
        for (id, value) in header.elements(packet) {
            self.put(id, value);
        }
    }

    fn put(&mut self, id: u8, value: &[u8]) {
        if value.len() > MAX_VALUE_BYTES {
            return;
        }
        let known = self.elements[..self.count]
            .iter()
            .position(|element| element.id == id);
        let index = match known {
            Some(index) => index,
            None if self.count < MAX_ELEMENTS => {
                self.count += 1;
                self.count - 1
            }
            None => return,
        };
        let element = &mut self.elements[index];
        element.id = id;
        element.length = value.len() as u8;
        element.value[..value.len()].copy_from_slice(value);
    }

    /// The value of an extension as text, if the ids name it and the stream has carried it.
    pub fn text(&self, ids: &ExtensionIds, extension: Extension) -> Option<&str> {
        let id = ids.get(extension)?;
        let element = self.elements[..self.count]
            .iter()
            .find(|element| element.id == id)?;
        std::str::from_utf8(&element.value[..usize::from(element.length)]).ok()
    }
}

/// Bounded memory of streams that nobody has claimed; the one that was silent longest goes first.
#[derive(Default)]
pub struct UnclaimedStreams(Vec<StreamTraits>);

impl UnclaimedStreams {
    /// Remembers what the packet says. Answers all that is known about its stream.
    pub fn note(&mut self, header: &RtpHeader, packet: &[u8], now_micros: u64) -> &StreamTraits {
        let index = self.index_for(header.ssrc, header.payload_type);
        let stream = &mut self.0[index];
        stream.merge(header, packet);
        stream.seen_at_micros = now_micros;
        stream
    }

    fn index_for(&mut self, ssrc: u32, payload_type: u8) -> usize {
        if let Some(index) = self.0.iter().position(|stream| stream.ssrc == ssrc) {
            return index;
        }
        if self.0.len() == MAX_UNCLAIMED {
            let silent = (0..MAX_UNCLAIMED).min_by_key(|index| self.0[*index].seen_at_micros);
            self.0.swap_remove(silent.unwrap_or(0));
        }
        self.0.push(StreamTraits::new(ssrc, payload_type));
        self.0.len() - 1
    }

    pub fn forget(&mut self, ssrc: u32) {
        self.0.retain(|stream| stream.ssrc != ssrc);
    }

    pub fn iter(&self) -> impl Iterator<Item = &StreamTraits> {
        self.0.iter()
    }
}

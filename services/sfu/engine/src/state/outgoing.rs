//! Writing packets: other names in the header, our own extensions, encryption.

use super::consumer::Consumer;
use super::counter::Counters;
use super::extension::{Extension, ExtensionIds};
use super::now::Now;
use super::outbox::{DATAGRAM_BYTES, Outbox};
use super::producer::Codec;
use super::segment::{Place, Stamp};
use super::sent::Marks;
use super::transport::Transport;
use crate::wire::rtp::{OutgoingHeader, RtpHeader, write_packet};
use crate::wire::rtx;
use crate::wire::srtp::MAX_OVERHEAD_BYTES;
use crate::wire::vp8::Descriptor;

const MAX_ELEMENTS: usize = 6;
/// What is left for header and payload when the tag has its room.
const PLAIN_BYTES: usize = DATAGRAM_BYTES - MAX_OVERHEAD_BYTES;

/// A media packet of a publisher, decrypted, with a header that speaks of the media stream even if it
/// came by RTX.
#[derive(Clone, Copy)]
pub struct MediaPacket<'a> {
    pub header: &'a RtpHeader,
    pub bytes: &'a [u8],
    /// Of VP8.
    descriptor: Option<Descriptor>,
    /// Extensions that go through unchanged.
    carried: Carried<'a>,
}

impl<'a> MediaPacket<'a> {
    pub fn new(header: &'a RtpHeader, bytes: &'a [u8], codec: &Codec, ids: &ExtensionIds) -> Self {
        let payload = header.payload(bytes);
        Self {
            header,
            bytes,
            descriptor: Descriptor::parse(payload).filter(|_| codec.is_vp8),
            carried: Carried::read(header, bytes, ids),
        }
    }

    pub fn begins_key_frame(&self) -> bool {
        let descriptor = self.descriptor.as_ref();
        descriptor.is_some_and(|descriptor| descriptor.is_key_frame_start(self.payload()))
    }

    /// What runs on, as the publisher numbers it.
    pub fn stamp(&self) -> Stamp {
        let descriptor = self.descriptor.as_ref();
        let picture_id = descriptor.and_then(|descriptor| descriptor.picture_id);
        let tl0_index = descriptor.and_then(|descriptor| descriptor.tl0_index);
        Stamp {
            timestamp: self.header.timestamp,
            picture_id: picture_id.map_or(0, |id| id.value),
            tl0_index: tl0_index.unwrap_or(0),
        }
    }

    /// The value of its audio level (RFC 6464), as it came.
    pub fn audio_level(&self) -> Option<&'a [u8]> {
        self.carried.audio_level
    }

    pub fn payload(&self) -> &'a [u8] {
        self.header.payload(self.bytes)
    }
}

/// Values that are copied from the publisher's packet.
#[derive(Clone, Copy, Default)]
pub struct Carried<'a> {
    audio_level: Option<&'a [u8]>,
    orientation: Option<&'a [u8]>,
    toffset: Option<&'a [u8]>,
}

impl<'a> Carried<'a> {
    fn read(header: &RtpHeader, bytes: &'a [u8], ids: &ExtensionIds) -> Self {
        let mut carried = Self::default();
        for (id, value) in header.elements(bytes) {
            let place = match Some(id) {
                id if id == ids.get(Extension::AudioLevel) => &mut carried.audio_level,
                id if id == ids.get(Extension::Orientation) => &mut carried.orientation,
                id if id == ids.get(Extension::Toffset) => &mut carried.toffset,
                _ => continue,
            };
            // The one-byte form has no empty values and none above 16 bytes.
            *place = Some(value).filter(|value| (1..=16).contains(&value.len()));
        }
        carried
    }
}

/// How a packet goes out.
#[derive(Clone, Copy)]
pub struct Shape {
    pub header: OutgoingHeader,
    pub stamp: Stamp,
    pub rollover: u32,
    pub marks: Marks,
    /// The number that an RTX packet repeats.
    pub original: Option<u16>,
}

impl Shape {
    /// A media packet under the consumer's names.
    pub fn media(
        consumer: &Consumer,
        packet: &MediaPacket<'_>,
        payload_type: u8,
        place: Place,
        marks: Marks,
    ) -> Self {
        let Place { out, shift } = place;
        let stamp = packet.stamp().plus(shift);
        Self {
            header: OutgoingHeader {
                marker: packet.header.marker,
                payload_type,
                sequence: out as u16,
                timestamp: stamp.timestamp,
                ssrc: consumer.ssrc,
            },
            stamp,
            rollover: (out >> 16) as u32,
            marks,
            original: None,
        }
    }
}

/// Marks for a packet that leaves now.
pub fn fresh_marks(transport: &mut Transport, consumer: &Consumer, now: Now) -> Marks {
    let mut marks = Marks {
        abs_send_time: abs_send_time(now),
        wide_sequence: 0,
    };
    if consumer.extensions.get(Extension::TransportCc).is_some() {
        marks.wide_sequence = transport.wide_sequence;
        transport.wide_sequence = transport.wide_sequence.wrapping_add(1);
    }
    marks
}

/// 24 bits: seconds in 6.18 fixed point.
fn abs_send_time(now: Now) -> u32 {
    ((now.ntp() >> 14) & 0xff_ffff) as u32
}

/// Marks as they stand in a packet.
struct MarkBytes {
    abs_send_time: [u8; 3],
    wide_sequence: [u8; 2],
}

impl From<Marks> for MarkBytes {
    fn from(marks: Marks) -> Self {
        let [_, high, middle, low] = marks.abs_send_time.to_be_bytes();
        Self {
            abs_send_time: [high, middle, low],
            wide_sequence: marks.wide_sequence.to_be_bytes(),
        }
    }
}

/// The header extensions of a packet, always in the same order, and how many they are.
fn elements_of<'a>(
    consumer: &'a Consumer,
    marks: &'a MarkBytes,
    carried: &Carried<'a>,
) -> ([(u8, &'a [u8]); MAX_ELEMENTS], usize) {
    let values: [(Extension, Option<&[u8]>); MAX_ELEMENTS] = [
        (Extension::Mid, Some(consumer.mid.as_bytes())),
        (Extension::AbsSendTime, Some(&marks.abs_send_time)),
        (Extension::TransportCc, Some(&marks.wide_sequence)),
        (Extension::AudioLevel, carried.audio_level),
        (Extension::Orientation, carried.orientation),
        (Extension::Toffset, carried.toffset),
    ];
    let mut elements: [(u8, &[u8]); MAX_ELEMENTS] = [(0, &[]); MAX_ELEMENTS];
    let mut count = 0;
    for (extension, value) in values {
        if let (Some(id), Some(value)) = (consumer.extensions.get(extension), value) {
            elements[count] = (id, value);
            count += 1;
        }
    }
    (elements, count)
}

/// Encrypts and commits one packet. False when it did not go out.
pub fn send_packet(
    transport: &mut Transport,
    consumer: &Consumer,
    packet: &MediaPacket<'_>,
    shape: &Shape,
    out: &mut dyn Outbox,
    counters: &Counters,
) -> bool {
    let (Some(crypto), Some(tuple)) = (&transport.crypto, transport.agent.destination()) else {
        return false;
    };
    let marks = MarkBytes::from(shape.marks);
    let (elements, count) = elements_of(consumer, &marks, &packet.carried);
    let elements = &elements[..count];
    let slot = out.slot();
    let buffer = &mut slot[..PLAIN_BYTES];
    let payload = packet.payload();
    let written = match shape.original {
        None => write_packet(buffer, &shape.header, elements, payload),
        Some(original) => rtx::write_packet(buffer, &shape.header, elements, original, payload),
    };
    let Some(plain) = written else {
        counters.dropped_too_long.one();
        return false;
    };
    if let Some(descriptor) = &packet.descriptor {
        let (picture_id, tl0_index) = (shape.stamp.picture_id, shape.stamp.tl0_index);
        let copy = &mut slot[plain - payload.len()..plain];
        descriptor.rewrite(copy, picture_id, tl0_index);
    }
    let Ok(length) = crypto.outbound.protect_rtp(slot, plain, shape.rollover) else {
        counters.send_errors.one();
        return false;
    };
    out.commit(length, &tuple);
    transport.sent.note(length);
    counters.rtp_packets_out.one();
    true
}

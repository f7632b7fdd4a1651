//! Packets that a consumer asks to have again.

use super::consumer::Consumer;
use super::core::{Core, Io};
use super::now::Now;
use super::outgoing::{MediaPacket, Shape, fresh_marks, send_packet};
use super::sent::Refusal;
use super::transport::Transport;
use crate::wire::rtp::OutgoingHeader;

/// While the round trip is unknown.
const DEFAULT_INTERVAL_MICROS: u64 = 20_000;
/// Not even a very near client gets the same packet again sooner.
const MIN_INTERVAL_MICROS: u64 = 5_000;
/// Nor must a very far one wait longer.
const MAX_INTERVAL_MICROS: u64 = 500_000;

impl Core {
    pub(super) fn retransmit_all(
        &mut self,
        index: usize,
        media_ssrc: u32,
        lost: impl Iterator<Item = u16>,
        now: Now,
        io: &mut Io<'_>,
    ) {
        let transport = self.transports.get(index);
        let stream = transport.and_then(|found| found.outgoing.get(&media_ssrc));
        let Some(stream) = stream.copied().filter(|stream| !stream.rtx) else {
            self.counters.rtcp_ignored.one();
            return;
        };
        for sequence in lost {
            self.counters.nacks_in.one();
            let sent = self.retransmit(stream.consumer, sequence, now, io);
            match sent {
                Ok(copies) => self.counters.retransmitted.add(copies),
                Err(Refusal::Gone) => self.counters.nack_gone.one(),
                Err(Refusal::Repeated) => self.counters.nack_repeated.one(),
            }
        }
    }

    fn retransmit(
        &mut self,
        consumer: usize,
        sequence: u16,
        now: Now,
        io: &mut Io<'_>,
    ) -> Result<u64, Refusal> {
        let consumer = self.consumers.get_mut(consumer).ok_or(Refusal::Gone)?;
        consumer.counts.nacks += 1;
        let out = consumer.extend(sequence).ok_or(Refusal::Gone)?;
        let segment = consumer.segment_around(out).ok_or(Refusal::Gone)?;
        let extended = segment.origin(out).ok_or(Refusal::Gone)?;
        let place = segment.place(extended).ok_or(Refusal::Gone)?;
        let producer = self.producers.get(consumer.producer).ok_or(Refusal::Gone)?;
        let encoding = producer.encodings.get(segment.layer);
        let cached = encoding.and_then(|encoding| encoding.cache.get(extended));
        let (header, bytes) = cached.ok_or(Refusal::Gone)?;
        let codec = producer.codec(header.payload_type).ok_or(Refusal::Gone)?;
        let packet = MediaPacket::new(header, bytes, &codec, &producer.extensions);
        let codec = consumer.codec(header.payload_type).ok_or(Refusal::Gone)?;
        let transport = self
            .transports
            .get_mut(consumer.transport)
            .ok_or(Refusal::Gone)?;
        let interval = resend_interval_micros(consumer);
        let resend = consumer.ring.resend(out, now.micros, interval)?;
        // The same SSRC and number must protect the same bytes: another send time under the same
        // nonce would give the key of the tag away (RFC 7714, 8.4).
        let same = Shape::media(consumer, &packet, codec.payload_type, place, resend.marks);
        let rtx_type = codec.rtx_payload_type;
        let mut copies = 0;
        // The same numbers twice would be a replay to the receiver: only RTX has new ones.
        let has_rtx = rtx_type.is_some() && consumer.rtx_ssrc.is_some();
        for _ in 0..if has_rtx { consumer.copies() } else { 1 } {
            let by_rtx = rtx_shape(transport, consumer, same, rtx_type, now);
            let shape = by_rtx.unwrap_or(same);
            let sent = send_packet(transport, consumer, &packet, &shape, io.out, &self.counters);
            copies += u64::from(sent);
        }
        consumer.counts.retransmitted += copies;
        consumer.counts.repaired += u64::from(resend.is_first && copies > 0);
        Ok(copies)
    }
}

/// The packet in RTX's clothes (RFC 4588, 4), with a number of its own; `None` without RTX.
fn rtx_shape(
    transport: &mut Transport,
    consumer: &mut Consumer,
    plain: Shape,
    payload_type: Option<u8>,
    now: Now,
) -> Option<Shape> {
    let (ssrc, payload_type) = (consumer.rtx_ssrc?, payload_type?);
    let number = consumer.take_rtx_sequence();
    Some(Shape {
        header: OutgoingHeader {
            payload_type,
            sequence: number as u16,
            ssrc,
            ..plain.header
        },
        rollover: (number >> 16) as u32,
        marks: fresh_marks(transport, consumer, now),
        original: Some(plain.header.sequence),
        ..plain
    })
}

/// A round trip: sooner, the first retransmission may still be under way.
fn resend_interval_micros(consumer: &Consumer) -> u64 {
    consumer
        .round_trip_micros
        .unwrap_or(DEFAULT_INTERVAL_MICROS)
        .clamp(MIN_INTERVAL_MICROS, MAX_INTERVAL_MICROS)
}

//! What is counted, told when it is asked for.

use super::consumer::Consumer;
use super::core::Core;
use super::producer::{Codec, Encoding, Producer};
use crate::event::{ConsumerStats, EncodingStats, Sample, TransportStats};

impl Core {
    pub(super) fn consumer_stats(&self, handle: u32) -> Option<ConsumerStats> {
        let index = self.consumers.index_of(handle)?;
        let consumer = self.consumers.get(index)?;
        let producer = self.producers.get(consumer.producer)?;
        let encoding = producer.encodings.get(consumer.layer())?;
        let round_trip = consumer.round_trip_micros;
        Some(ConsumerStats {
            packets_received: encoding.received.packets,
            packets_sent: consumer.counts.packets,
            packets_retransmitted: consumer.counts.retransmitted,
            nacks_received: consumer.counts.nacks,
            key_frame_requests_sent: producer.key_frames.sent(),
            waiting_for_key_frame: producer.video && consumer.is_waiting(),
            round_trip_ms: round_trip.map(|micros| (micros / 1_000) as u32),
            layer: consumer.forwarded(),
            target_layer: consumer.target().unwrap_or(consumer.layer()),
        })
    }

    /// Of each encoding, lowest layer first.
    pub(super) fn producer_stats(&self, handle: u32) -> Option<Vec<EncodingStats>> {
        let producer = self.producers.get(self.producers.index_of(handle)?)?;
        let of_each = |encoding| encoding_stats(producer, encoding);
        Some(producer.encodings.iter().map(of_each).collect())
    }

    pub(super) fn transport_stats(&self, handle: u32) -> Option<TransportStats> {
        let transport = self.transports.get(self.transports.index_of(handle)?)?;
        Some(TransportStats {
            packets_received: transport.received.packets,
            bytes_received: transport.received.bytes,
            packets_sent: transport.sent.packets,
            bytes_sent: transport.sent.bytes,
        })
    }

    /// What scores are made of, of everything at once.
    pub(super) fn take_sample(&self, sample: &mut Sample) {
        for index in 0..self.producers.bound() {
            if let Some(producer) = self.producers.get(index) {
                put_producer(&mut sample.encodings, producer);
            }
        }
        for index in 0..self.consumers.bound() {
            if let Some(consumer) = self.consumers.get(index) {
                put_consumer(&mut sample.consumers, consumer);
            }
        }
    }
}

fn encoding_stats(producer: &Producer, encoding: &Encoding) -> EncodingStats {
    let has_rtx = |codec: &Codec| codec.rtx_payload_type.is_some();
    let repaired = producer.codecs.iter().any(has_rtx);
    EncodingStats {
        ssrc: encoding.ssrc,
        packets_received: encoding.received.packets,
        bytes_received: encoding.received.octets,
        packets_repaired: repaired.then_some(encoding.received.repaired),
        packets_lost: encoding.lost(),
        jitter_micros: encoding.reception.jitter_micros(),
        nacks_sent: encoding.received.nacks,
        key_frame_requests_sent: encoding.received.plis,
    }
}

fn put_producer(out: &mut Vec<u8>, producer: &Producer) {
    for (index, encoding) in producer.encodings.iter().enumerate() {
        out.extend_from_slice(&producer.handle.to_le_bytes());
        out.extend_from_slice(&(index as u32).to_le_bytes());
        out.extend_from_slice(&encoding.received.packets.to_le_bytes());
        out.extend_from_slice(&encoding.lost().to_le_bytes());
        out.extend_from_slice(&encoding.received.repaired.to_le_bytes());
    }
}

fn put_consumer(out: &mut Vec<u8>, consumer: &Consumer) {
    let reported = consumer.reported;
    out.extend_from_slice(&consumer.handle.to_le_bytes());
    out.extend_from_slice(&consumer.counts.packets.to_le_bytes());
    out.extend_from_slice(&reported.expected.to_le_bytes());
    out.extend_from_slice(&reported.lost.to_le_bytes());
    out.extend_from_slice(&reported.repaired.to_le_bytes());
}

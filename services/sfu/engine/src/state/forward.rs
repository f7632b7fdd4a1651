//! A packet from a publisher to everyone who gets it.

use super::arena::Arena;
use super::consumer::{Consumer, Start};
use super::core::{Arrival, Core, Io};
use super::counter::{Counter, Counters};
use super::layering::{settle, switch_over};
use super::now::Now;
use super::outgoing::{MediaPacket, Shape, fresh_marks, send_packet};
use super::producer::{Encoding, Producer};
use super::segment::Place;
use super::stream::StreamRole;
use super::transport::Transport;
use crate::wire::nack;
use crate::wire::rtp::RtpHeader;
use crate::wire::rtx;
use crate::wire::srtp::SrtpError;

/// What is known of a packet while it goes to its consumers.
#[derive(Clone, Copy)]
struct Passage<'a> {
    media: MediaPacket<'a>,
    extended: u64,
    clock_rate: u32,
    /// A consumer may start with it.
    can_start: bool,
    came_at_micros: u64,
    now: Now,
}

impl Core {
    pub(super) fn handle_rtp(
        &mut self,
        index: usize,
        bytes: &mut [u8],
        arrival: Arrival,
        io: &mut Io<'_>,
    ) -> Option<()> {
        let length = self.unprotect(index, bytes)?;
        let packet = &bytes[..length];
        let Some(header) = RtpHeader::parse(packet) else {
            self.counters.dropped_malformed.one();
            return None;
        };
        self.counters.rtp_packets_in.one();
        let transport = self.transports.get_mut(index)?;
        transport.last_ssrc = header.ssrc;
        record_arrival(transport, &header, packet, arrival.micros);
        let role = match transport.streams.get(&header.ssrc).copied() {
            Some(role) => role,
            None => self.identify(index, &header, packet, arrival.now)?,
        };
        if role.rtx {
            self.take_rtx(role, header, packet, arrival, io)
        } else {
            self.take_media(role, &header, packet, arrival, io)
        }
    }

    fn unprotect(&mut self, index: usize, bytes: &mut [u8]) -> Option<usize> {
        let transport = self.transports.get_mut(index)?;
        let crypto = transport.crypto.as_mut()?;
        match crypto.inbound.unprotect_rtp(bytes) {
            Ok(length) => Some(length),
            Err(error) => {
                let counters = &self.counters;
                let kinds = (&counters.srtp_replayed, &counters.srtp_auth_failed);
                refuse(transport, error, kinds, counters);
                None
            }
        }
    }

    /// Finds out whose stream an SSRC is that was not seen before, or remembers it.
    fn identify(
        &mut self,
        index: usize,
        header: &RtpHeader,
        packet: &[u8],
        now: Now,
    ) -> Option<StreamRole> {
        let transport = self.transports.get_mut(index)?;
        let stream = *transport.unclaimed.note(header, packet, now.micros);
        let role = self.claim(index, &stream, Some(now));
        if role.is_none() {
            self.counters.rtp_before_produce.one();
        }
        role
    }

    /// Unwraps the original and takes it as recovered.
    fn take_rtx(
        &mut self,
        role: StreamRole,
        mut header: RtpHeader,
        packet: &[u8],
        arrival: Arrival,
        io: &mut Io<'_>,
    ) -> Option<()> {
        self.counters.rtx_in.one();
        let Some((original, payload)) = rtx::parse(header.payload(packet)) else {
            self.counters.rtx_empty.one();
            return None;
        };
        let producer = self.producers.get(role.producer)?;
        let Some(codec) = producer.codec_of_rtx(header.payload_type) else {
            self.counters.dropped_payload_type.one();
            return None;
        };
        let encoding = producer.encodings.get(role.encoding)?;
        // Nothing says whose number it is, or it would lead the stream astray.
        let sequences = &encoding.sequences;
        let known = sequences.highest().filter(|highest| {
            let extended = sequences.peek(original);
            extended.saturating_sub(*highest) <= nack::MAX_MISSING as u64
        });
        let Some(ssrc) = encoding.ssrc.filter(|_| known.is_some()) else {
            self.counters.rtx_orphaned.one();
            return None;
        };
        header.payload_start = header.payload_end - payload.len();
        header.payload_type = codec.payload_type;
        header.sequence = original;
        header.ssrc = ssrc;
        self.take_media(role, &header, packet, arrival, io)
    }

    fn take_media(
        &mut self,
        role: StreamRole,
        header: &RtpHeader,
        packet: &[u8],
        arrival: Arrival,
        io: &mut Io<'_>,
    ) -> Option<()> {
        let producer = self.producers.get_mut(role.producer)?;
        let Some(codec) = producer.codec(header.payload_type) else {
            self.counters.dropped_payload_type.one();
            return None;
        };
        let encoding = producer.encodings.get_mut(role.encoding)?;
        let extended = encoding.sequences.unwrap(header.sequence);
        let media = MediaPacket::new(header, packet, &codec, &producer.extensions);
        let is_empty = media.payload().is_empty();
        let millis = arrival.now.micros / 1_000;
        let arrived = encoding.losses.receive(extended, millis);
        let mut goes_on = true;
        if !role.rtx {
            let (came_at, rate) = (arrival.micros, codec.clock_rate);
            let reception = &mut encoding.reception;
            goes_on = reception.note(extended, header.timestamp, came_at, rate);
            // Without RTX what comes again does so by itself.
            let is_old = matches!(arrived, nack::Arrival::Recovered | nack::Arrival::Late);
            if !(is_empty || is_old) {
                encoding.activity.note(header.timestamp, arrival.now.micros);
            }
        }
        match arrived {
            nack::Arrival::Newest if goes_on => {}
            nack::Arrival::Recovered => {}
            nack::Arrival::Late => {
                self.counters.duplicates_in.one();
                return None;
            }
            _ => restart(encoding, &mut self.consumers, &self.counters),
        }
        if !producer.video && !is_empty && arrived == nack::Arrival::Newest {
            let (level, rate) = (media.audio_level(), codec.clock_rate);
            let loudness = &mut producer.loudness;
            loudness.note(level, header.timestamp, rate, arrival.now.micros);
        }
        let begins_key_frame = media.begins_key_frame();
        encoding.keep(extended, header, packet);
        encoding.received.repaired += u64::from(role.rtx);
        if begins_key_frame {
            encoding.note_key_frame(extended, arrival.now.micros);
            producer.key_frames.note_answer();
        }
        let passage = Passage {
            media,
            extended,
            clock_rate: codec.clock_rate,
            can_start: begins_key_frame || !(codec.is_vp8 || is_empty),
            came_at_micros: arrival.now.micros,
            now: arrival.now,
        };
        self.fan_out(role, &passage, io)
    }

    /// Starts a consumer with the key frame that others have just got, if there is one that is news to
    /// its viewer: a request for another would have to rest.
    pub(super) fn start_from_cache(
        &mut self,
        index: usize,
        now: Now,
        io: &mut Io<'_>,
    ) -> Option<()> {
        let consumer = self.consumers.get_mut(index)?;
        let producer = self.producers.get_mut(consumer.producer)?;
        let layer = consumer.target().unwrap_or(consumer.layer());
        let fresh = producer.encodings.get(layer)?.fresh_key_frame(now.micros);
        let (extended, came_at_micros) = fresh.filter(|_| !producer.paused)?;
        if !consumer.is_news(came_at_micros) {
            return None;
        }
        settle(producer, consumer, index);
        let encoding = producer.encodings.get(layer)?;
        let (header, bytes) = encoding.cache.get(extended)?;
        let codec = producer.codec(header.payload_type)?;
        let passage = Passage {
            media: MediaPacket::new(header, bytes, &codec, &producer.extensions),
            extended,
            clock_rate: codec.clock_rate,
            can_start: true,
            came_at_micros,
            now,
        };
        let transport = self.transports.get_mut(consumer.transport)?;
        let mut route = Route {
            producer,
            layer,
            transport,
            consumer,
            counters: &self.counters,
        };
        route.pass_on(&passage, io)?;
        route.catch_up(&passage, io)
    }

    fn fan_out(&mut self, role: StreamRole, passage: &Passage<'_>, io: &mut Io<'_>) -> Option<()> {
        let producer = self.producers.get_mut(role.producer)?;
        if producer.paused {
            return None;
        }
        let layer = role.encoding;
        if passage.can_start {
            switch_over(producer, layer, &mut self.consumers);
        }
        for &index in &producer.encodings.get(layer)?.consumers {
            let Some(consumer) = self.consumers.get_mut(index) else {
                continue;
            };
            let Some(transport) = self.transports.get_mut(consumer.transport) else {
                continue;
            };
            let waited = consumer.is_waiting();
            let mut route = Route {
                producer,
                layer,
                transport,
                consumer,
                counters: &self.counters,
            };
            route.pass_on(passage, io);
            if waited && route.consumer.is_running() {
                route.catch_up(passage, io);
            }
        }
        Some(())
    }
}

/// From one encoding to one consumer.
struct Route<'a> {
    producer: &'a Producer,
    layer: usize,
    transport: &'a mut Transport,
    consumer: &'a mut Consumer,
    counters: &'a Counters,
}

impl Route<'_> {
    /// Sends a packet, if it is one for this consumer.
    fn pass_on(&mut self, passage: &Passage<'_>, io: &mut Io<'_>) -> Option<()> {
        if self.consumer.is_paused() {
            return None;
        }
        if !self.transport.can_send() {
            // What it misses is a gap that only a key frame can mend.
            self.consumer.wait();
            return None;
        }
        let media = &passage.media;
        if media.payload().is_empty() {
            self.consumer.skip(passage.extended);
            return None;
        }
        let Some(codec) = self.consumer.codec(media.header.payload_type) else {
            self.counters.dropped_payload_type.one();
            return None;
        };
        let place = self.place(passage)?;
        let (transport, consumer) = (&mut *self.transport, &mut *self.consumer);
        let marks = fresh_marks(transport, consumer, passage.now);
        let shape = Shape::media(consumer, media, codec.payload_type, place, marks);
        if send_packet(transport, consumer, media, &shape, io.out, self.counters) {
            let octets = media.payload().len();
            consumer.ring.note(place.out, marks);
            consumer.note_sent(place.out, shape.stamp, octets, passage.now.micros);
        }
        Some(())
    }

    /// Our number for the packet and what is added to its stamp; the stream may start with it.
    fn place(&mut self, passage: &Passage<'_>) -> Option<Place> {
        if self.consumer.is_waiting() {
            if !passage.can_start {
                return None;
            }
            let source = passage.media.header.ssrc;
            let rate = passage.clock_rate;
            let before = self.consumer.stretch();
            let bridge = before.and_then(|to| self.producer.bridge(self.layer, source, to, rate));
            self.consumer.start(&Start {
                extended: passage.extended,
                stamp: passage.media.stamp(),
                source,
                clock_rate: rate,
                came_at_micros: passage.came_at_micros,
                bridge,
            });
            self.transport.layers_untold = true;
        }
        let place = self.consumer.place(passage.extended);
        if place.is_none() {
            self.counters.dropped_late.one();
        }
        place
    }

    /// The start of a key frame may come late, by retransmission: what has overtaken it goes after it.
    fn catch_up(&mut self, start: &Passage<'_>, io: &mut Io<'_>) -> Option<()> {
        let encoding = self.producer.encodings.get(self.layer)?;
        let highest = encoding.sequences.highest().unwrap_or(start.extended);
        for extended in start.extended + 1..=highest {
            let Some((header, bytes)) = encoding.cache.get(extended) else {
                continue;
            };
            let codec = self.producer.codec(header.payload_type)?;
            let later = Passage {
                media: MediaPacket::new(header, bytes, &codec, &self.producer.extensions),
                extended,
                ..*start
            };
            self.pass_on(&later, io);
        }
        Some(())
    }
}

/// What follows cannot be told from what is missing: everyone starts anew.
pub(super) fn restart(
    encoding: &mut Encoding,
    consumers: &mut Arena<Consumer>,
    counters: &Counters,
) {
    counters.streams_restarted.one();
    encoding.restart();
    for &index in &encoding.consumers {
        if let Some(consumer) = consumers.get_mut(index) {
            consumer.wait();
        }
    }
}

/// Counts a packet that SRTP or SRTCP refuses: one that was replayed, or is not authentic, as such.
pub(super) fn refuse(
    transport: &mut Transport,
    error: SrtpError,
    (replayed, unauthentic): (&Counter, &Counter),
    counters: &Counters,
) {
    match error {
        SrtpError::Replayed => replayed.one(),
        SrtpError::Unauthentic => unauthentic.one(),
        SrtpError::TooManySsrcs => {
            counters.dropped_too_many_ssrcs.one();
            transport.make_room_for_ssrc();
        }
        _ => counters.dropped_malformed.one(),
    }
}

/// Notes when a packet came, for congestion control.
fn record_arrival(
    transport: &mut Transport,
    header: &RtpHeader,
    packet: &[u8],
    arrival_micros: u64,
) {
    let Some(wanted) = transport.wide_sequence_id() else {
        return;
    };
    let value = header
        .elements(packet)
        .find_map(|(id, value)| (id == wanted).then_some(value));
    if let Some(&[high, low]) = value {
        let sequence = u16::from_be_bytes([high, low]);
        transport.arrivals.record(sequence, arrival_micros);
    }
}

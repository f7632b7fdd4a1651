//! A packet from a publisher to everyone who gets it.

use super::arena::Arena;
use super::consumer::Consumer;
use super::core::{Arrival, Core, Io};
use super::counter::Counters;
use super::extension::ExtensionIds;
use super::layering::{switch_over, tell_start};
use super::now::Now;
use super::outgoing::{MediaPacket, Shape, fresh_marks, send_packet};
use super::producer::Encoding;
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
    packet: MediaPacket<'a>,
    extended: u64,
    clock_rate: u32,
    /// A consumer may start with it.
    can_start: bool,
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
                match error {
                    SrtpError::Replayed => self.counters.srtp_replayed.one(),
                    SrtpError::Unauthentic => self.counters.srtp_auth_failed.one(),
                    SrtpError::TooManySsrcs => {
                        self.counters.dropped_too_many_ssrcs.one();
                        transport.make_room_for_ssrc();
                    }
                    _ => self.counters.dropped_malformed.one(),
                }
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
        let role = self.claim(index, &stream);
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
        let (Some(ssrc), Some(_)) = (encoding.ssrc, encoding.sequences.highest()) else {
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
        if !role.rtx {
            let (came_at, rate) = (arrival.micros, codec.clock_rate);
            let reception = &mut encoding.reception;
            reception.note(extended, header.timestamp, came_at, rate);
            if !header.payload(packet).is_empty() {
                encoding.activity.note(header.timestamp, arrival.now.micros);
            }
        }
        match encoding
            .losses
            .receive(extended, arrival.now.micros / 1_000)
        {
            nack::Arrival::Newest | nack::Arrival::Recovered => {}
            nack::Arrival::Late => {
                self.counters.duplicates_in.one();
                return None;
            }
            nack::Arrival::Lost => restart(encoding, &mut self.consumers, &self.counters),
        }
        let key_frame = codec.begins_key_frame(header.payload(packet));
        encoding.keep(extended, header, packet);
        if key_frame == Some(true) {
            encoding.note_key_frame(extended, arrival.now.micros);
        }
        let passage = Passage {
            packet: MediaPacket::new(header, packet, &producer.extensions),
            extended,
            clock_rate: codec.clock_rate,
            can_start: key_frame != Some(false),
            now: arrival.now,
        };
        self.fan_out(role, &passage, io)
    }

    /// Starts a consumer that has never run with the key frame that others have just got, if there is
    /// one: a request for another would have to rest.
    pub(super) fn start_from_cache(
        &mut self,
        index: usize,
        now: Now,
        io: &mut Io<'_>,
    ) -> Option<()> {
        let consumer = self.consumers.get_mut(index)?;
        let producer = self.producers.get(consumer.producer)?;
        if consumer.has_run() || producer.paused {
            return None;
        }
        let encoding = producer.encodings.get(consumer.layer())?;
        let extended = encoding.fresh_key_frame(now.micros)?;
        let (header, bytes) = encoding.cache.get(extended)?;
        let passage = Passage {
            packet: MediaPacket::new(header, bytes, &producer.extensions),
            extended,
            clock_rate: producer.codec(header.payload_type)?.clock_rate,
            can_start: true,
            now,
        };
        let transport = self.transports.get_mut(consumer.transport)?;
        let ids = &producer.extensions;
        pass_on(transport, consumer, &passage, io, &self.counters)?;
        catch_up(encoding, ids, &passage, &mut |later| {
            pass_on(transport, consumer, later, io, &self.counters);
        });
        tell_start(consumer, index, &mut self.untold_layers, &self.counters, io);
        Some(())
    }

    fn fan_out(&mut self, role: StreamRole, passage: &Passage<'_>, io: &mut Io<'_>) -> Option<()> {
        let producer = self.producers.get_mut(role.producer)?;
        if producer.paused {
            return None;
        }
        if passage.can_start {
            switch_over(producer, role.encoding, &mut self.consumers);
        }
        let encoding = producer.encodings.get(role.encoding)?;
        for &index in &encoding.consumers {
            let Some(consumer) = self.consumers.get_mut(index) else {
                continue;
            };
            let Some(transport) = self.transports.get_mut(consumer.transport) else {
                continue;
            };
            let waited = consumer.is_waiting();
            pass_on(transport, consumer, passage, io, &self.counters);
            if waited && consumer.is_running() {
                let ids = &producer.extensions;
                let mut send = |later: &Passage<'_>| {
                    pass_on(transport, consumer, later, io, &self.counters);
                };
                catch_up(encoding, ids, passage, &mut send);
                tell_start(consumer, index, &mut self.untold_layers, &self.counters, io);
            }
        }
        Some(())
    }
}

/// The start of a key frame may come late, by retransmission: what has overtaken it goes after it.
fn catch_up(
    encoding: &Encoding,
    ids: &ExtensionIds,
    start: &Passage<'_>,
    send: &mut dyn FnMut(&Passage<'_>),
) {
    let highest = encoding.sequences.highest().unwrap_or(start.extended);
    for extended in start.extended + 1..=highest {
        if let Some((header, bytes)) = encoding.cache.get(extended) {
            send(&Passage {
                packet: MediaPacket::new(header, bytes, ids),
                extended,
                ..*start
            });
        }
    }
}

/// What follows cannot be told from what is missing: everyone starts anew.
fn restart(encoding: &mut Encoding, consumers: &mut Arena<Consumer>, counters: &Counters) {
    counters.streams_restarted.one();
    encoding.restart();
    for &index in &encoding.consumers {
        if let Some(consumer) = consumers.get_mut(index) {
            consumer.wait();
        }
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

/// Sends a packet to one consumer, if it is one for it.
fn pass_on(
    transport: &mut Transport,
    consumer: &mut Consumer,
    passage: &Passage<'_>,
    io: &mut Io<'_>,
    counters: &Counters,
) -> Option<()> {
    if consumer.is_paused() {
        return None;
    }
    if !transport.can_send() {
        // What it misses is a gap that only a key frame can mend.
        consumer.wait();
        return None;
    }
    let packet = &passage.packet;
    let Some(codec) = consumer.codec(packet.header.payload_type) else {
        counters.dropped_payload_type.one();
        return None;
    };
    let place = place(consumer, passage, counters)?;
    let marks = fresh_marks(transport, consumer, passage.now);
    let shape = Shape::media(consumer, packet.header, codec.payload_type, place, marks);
    if send_packet(transport, consumer, packet, &shape, io.out, counters) {
        let octets = packet.payload().len();
        let timestamp = shape.header.timestamp;
        consumer.ring.note(place.out, marks);
        consumer.note_sent(place.out, timestamp, octets, passage.now.micros);
    }
    Some(())
}

/// Our number and timestamp offset for the packet, with which the stream may start.
fn place(consumer: &mut Consumer, passage: &Passage<'_>, counters: &Counters) -> Option<Place> {
    if consumer.is_waiting() {
        if !passage.can_start {
            return None;
        }
        let timestamp = passage.packet.header.timestamp;
        let rate = passage.clock_rate;
        consumer.start(passage.extended, timestamp, rate, passage.now.micros);
    }
    let place = consumer.place(passage.extended);
    if place.is_none() {
        counters.dropped_late.one();
    }
    place
}

//! Key frames: who waits for one, and asking for it.

use super::arena::Arena;
use super::consumer::Consumer;
use super::core::{Core, Io};
use super::now::Now;
use super::outbox::send_rtcp;
use super::producer::Encoding;
use super::transport::Transport;
use crate::wire::rtcp::write_pli;

/// Our SSRC in RTCP towards publishers. Consumers' SSRCs come from the owner and are random.
pub const RECEIVER_SSRC: u32 = 1;

impl Core {
    /// Serves a consumer that needs a key frame to go on, if it could use one at all: with the one that
    /// others have just got, else by asking for another.
    pub(super) fn ask_key_frame_for(&mut self, consumer: usize, now: Now, io: &mut Io<'_>) {
        let Some(found) = self.consumers.get(consumer) else {
            return;
        };
        // Before it can be sent a key frame would be wasted; what makes the transport ready asks again.
        let needs = found.is_waiting() || found.target().is_some();
        if !needs || !can_send_to(found, &self.transports) {
            return;
        }
        let producer = found.producer;
        if self.start_from_cache(consumer, now, io).is_none() {
            self.request_key_frames(producer, now, io);
        }
    }

    /// Asks for a key frame of one encoding: at once, or when the last request has had its time.
    pub(super) fn ask_key_frame(
        &mut self,
        producer: usize,
        layer: usize,
        now: Now,
        io: &mut Io<'_>,
    ) {
        let found = self.producers.get_mut(producer);
        if let Some(encoding) = found.and_then(|found| found.encodings.get_mut(layer)) {
            encoding.wanted = true;
            self.request_key_frames(producer, now, io);
        }
    }

    /// Sends one request for all that are needed of a producer, if the last one has had its time.
    pub(super) fn request_key_frames(
        &mut self,
        producer: usize,
        now: Now,
        io: &mut Io<'_>,
    ) -> Option<()> {
        let producer = self.producers.get_mut(producer)?;
        let transport = self.transports.get(producer.transport)?;
        let runs = producer.video && !producer.paused && transport.can_send();
        if !runs || !producer.key_frames.is_rested(now.micros) {
            return None;
        }
        let (consumers, transports) = (&self.consumers, &self.transports);
        let is_served = |index: &usize| {
            let consumer = consumers.get(*index);
            consumer.filter(|consumer| can_send_to(consumer, transports))
        };
        let needs = |encoding: &Encoding| {
            let mut waiting = encoding.consumers.iter().filter_map(is_served);
            waiting.any(Consumer::is_waiting)
                || encoding
                    .joining
                    .iter()
                    .any(|index| is_served(index).is_some())
        };
        // A layer that is not sent has no key frames, and the others would have them in vain.
        let is_active = |encoding: &Encoding| encoding.activity.is_active();
        let none_is_active = !producer.encodings.iter().any(is_active);
        let mut chosen = None;
        for (layer, encoding) in producer.encodings.iter_mut().enumerate() {
            let Some(ssrc) = encoding.ssrc else {
                continue;
            };
            if !(none_is_active || is_active(encoding)) {
                continue;
            }
            if std::mem::take(&mut encoding.wanted) || needs(encoding) {
                let candidate = (!producer.key_frames.comes_next(layer), layer, ssrc);
                chosen = Some(chosen.map_or(candidate, |other| candidate.min(other)));
            }
        }
        let (_, layer, media_ssrc) = chosen?;
        producer.key_frames.note_sent(layer, now.micros);
        self.counters.plis_out.one();
        producer.encodings.get_mut(layer)?.received.plis += 1;
        let transport = self.transports.get_mut(producer.transport)?;
        send_rtcp(transport, io.out, &self.counters, |buffer| {
            write_pli(buffer, RECEIVER_SSRC, media_ssrc)
        })
    }

    /// A transport can send: its consumers may start.
    pub(super) fn wake_consumers_of_transport(
        &mut self,
        transport: usize,
        now: Now,
        io: &mut Io<'_>,
    ) {
        let Some(found) = self.transports.get(transport) else {
            return;
        };
        for consumer in found.consumers.clone() {
            self.ask_key_frame_for(consumer, now, io);
        }
    }

    /// A producer runs again: everyone who waits for it needs a key frame.
    pub(super) fn wake_consumers(&mut self, producer: usize, now: Now, io: &mut Io<'_>) {
        let Some(found) = self.producers.get(producer) else {
            return;
        };
        let consumers: Vec<usize> = found
            .encodings
            .iter()
            .flat_map(|encoding| encoding.consumers.iter().copied())
            .collect();
        for consumer in consumers {
            self.ask_key_frame_for(consumer, now, io);
        }
    }
}

fn can_send_to(consumer: &Consumer, transports: &Arena<Transport>) -> bool {
    let transport = transports.get(consumer.transport);
    transport.is_some_and(Transport::can_send)
}

//! Key frames: who waits for one, and asking for it.

use super::core::{Core, Io};
use super::now::Now;
use super::outbox::send_rtcp;
use super::transport::Transport;
use crate::wire::rtcp::write_pli;

/// Our SSRC in RTCP towards publishers. Consumers' SSRCs come from the owner and are random.
pub const RECEIVER_SSRC: u32 = 1;

impl Core {
    /// Asks on behalf of a consumer that waits, if it could use a key frame at all.
    pub(super) fn ask_key_frame_for(&mut self, consumer: usize, now: Now, io: &mut Io<'_>) {
        let Some(found) = self.consumers.get(consumer) else {
            return;
        };
        let transport = self.transports.get(found.transport);
        // Before it can be sent a key frame would be wasted; what makes the transport ready asks again.
        if !found.is_waiting() || !transport.is_some_and(Transport::can_send) {
            return;
        }
        let (producer, layer) = (found.producer, found.layer());
        if self.start_from_cache(consumer, now, io).is_none() {
            self.ask_key_frame(producer, layer, now, io);
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
        let Some(found) = self.producers.get_mut(producer) else {
            return;
        };
        let running = found.video && !found.paused;
        if let Some(encoding) = found.encodings.get_mut(layer).filter(|_| running) {
            encoding.key_frames.want();
            self.send_key_frame_request(producer, layer, now, io);
        }
    }

    /// Sends the request that is wanted, if it is due.
    pub(super) fn send_key_frame_request(
        &mut self,
        producer: usize,
        layer: usize,
        now: Now,
        io: &mut Io<'_>,
    ) -> Option<()> {
        let producer = self.producers.get_mut(producer)?;
        let transport = self.transports.get_mut(producer.transport)?;
        let encoding = producer.encodings.get_mut(layer)?;
        // Without an SSRC there is nobody to ask: the request stays wanted.
        let media_ssrc = encoding.ssrc?;
        if !transport.can_send() || !encoding.key_frames.take_due(now.micros) {
            return None;
        }
        self.counters.plis_out.one();
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

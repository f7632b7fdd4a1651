//! Producers and consumers: adding, pausing, removing.

use std::collections::hash_map::Entry;

use super::consumer::{Consumer, Wiring};
use super::core::{Core, Io};
use super::extension::Extension;
use super::forward::restart;
use super::layering::{cancel_switch, settle, switch_over};
use super::now::Now;
use super::producer::{Producer, Recognition};
use super::stream::{StreamRole, StreamTraits};
use crate::command::{ConsumerConfig, ProducerConfig};
use crate::event::AudioLevel;

impl Core {
    pub(super) fn add_producer(
        &mut self,
        handle: u32,
        transport: u32,
        config: ProducerConfig,
    ) -> Option<()> {
        let transport_index = self.transports.index_of(transport)?;
        let mut learned = config.extensions;
        if !config.transport_cc {
            // It expects no feedback, so its packets are not to be recorded for any.
            learned.clear(Extension::TransportCc);
        }
        let producer = Producer::new(handle, transport_index, config);
        let declared = declared_streams(&producer);
        let index = self.producers.insert(handle, producer)?;
        let transport = self.transports.get_mut(transport_index)?;
        transport.producers.push(index);
        transport.extensions.learn(&learned);
        for (ssrc, encoding, rtx) in declared {
            let role = StreamRole {
                producer: index,
                encoding,
                rtx,
            };
            match transport.streams.entry(ssrc) {
                Entry::Occupied(_) => self.counters.duplicate_ssrc.one(),
                Entry::Vacant(entry) => {
                    entry.insert(role);
                    transport.unclaimed.forget(ssrc);
                }
            }
        }
        self.claim_remembered(transport_index);
        Some(())
    }

    /// Gives streams that came before their producer to it.
    fn claim_remembered(&mut self, transport: usize) {
        let Some(found) = self.transports.get(transport) else {
            return;
        };
        let remembered: Vec<StreamTraits> = found.unclaimed.iter().copied().collect();
        for stream in &remembered {
            self.claim(transport, stream, None);
        }
    }

    /// Finds the producer that a stream belongs to and binds it. One that speaks at present, when that
    /// is given, takes the place of another; one that was itself retired only if the other is absent,
    /// since its packets may be late ones.
    pub(super) fn claim(
        &mut self,
        transport: usize,
        stream: &StreamTraits,
        now: Option<Now>,
    ) -> Option<StreamRole> {
        let Recognition { role, certain } = self.recognise(transport, stream)?;
        let transport = self.transports.get_mut(transport)?;
        let producer = self.producers.get_mut(role.producer)?;
        if let Some(before) = *producer.ssrc_mut(role)? {
            let departed = transport.has_departed(stream.ssrc);
            let encoding = producer.encodings.get_mut(role.encoding)?;
            let activity = &encoding.activity;
            let now = now.filter(|now| certain && (!departed || activity.is_absent(now.micros)));
            if !now.is_some_and(|now| encoding.takeovers.take(now.micros)) {
                self.counters.duplicate_ssrc.one();
                return None;
            }
            // Another producer may have declared the same.
            if transport.streams.get(&before) == Some(&role) {
                transport.streams.remove(&before);
                transport.depart(before);
            }
            self.counters.ssrcs_changed.one();
            if !role.rtx {
                encoding.change_source();
                restart(encoding, &mut self.consumers, &self.counters);
            }
        }
        *producer.ssrc_mut(role)? = Some(stream.ssrc);
        transport.streams.insert(stream.ssrc, role);
        transport.unclaimed.forget(stream.ssrc);
        Some(role)
    }

    fn recognise(&self, transport: usize, stream: &StreamTraits) -> Option<Recognition> {
        let mut likely = None;
        let mut candidates = 0;
        for &index in &self.transports.get(transport)?.producers {
            match self.producers.get(index)?.recognise(index, stream) {
                Some(found) if found.certain => return Some(found),
                Some(found) => {
                    candidates += 1;
                    likely = Some(found);
                }
                None => {}
            }
        }
        // Two producers could have a stream without a name: to guess would mix them up.
        likely.filter(|_| candidates == 1)
    }

    pub(super) fn pause_producer(&mut self, handle: u32) -> Option<()> {
        let index = self.producers.index_of(handle)?;
        let producer = self.producers.get_mut(index)?;
        producer.paused = true;
        for layer in 0..producer.encodings.len() {
            switch_over(producer, layer, &mut self.consumers);
        }
        for encoding in &producer.encodings {
            for &consumer in &encoding.consumers {
                if let Some(consumer) = self.consumers.get_mut(consumer) {
                    consumer.wait();
                }
            }
        }
        Some(())
    }

    pub(super) fn resume_producer(&mut self, handle: u32, now: Now, io: &mut Io<'_>) -> Option<()> {
        let index = self.producers.index_of(handle)?;
        let producer = self.producers.get_mut(index)?;
        producer.paused = false;
        for encoding in &mut producer.encodings {
            // What came meanwhile was not meant to be seen, nor what of it comes yet.
            encoding.restart();
        }
        self.wake_consumers(index, now, io);
        Some(())
    }

    pub(super) fn remove_producer(&mut self, handle: u32) -> Option<()> {
        let index = self.producers.index_of(handle)?;
        self.drop_producer(index)
    }

    /// With its consumers.
    pub(super) fn drop_producer(&mut self, index: usize) -> Option<()> {
        let producer = self.producers.get(index)?;
        let handle = producer.handle;
        let consumers: Vec<usize> = producer
            .encodings
            .iter()
            .flat_map(|encoding| encoding.consumers.iter().copied())
            .collect();
        for consumer in consumers {
            self.drop_consumer(consumer);
        }
        let producer = self.producers.remove(handle)?;
        let transport = self.transports.get_mut(producer.transport)?;
        transport.producers.retain(|other| *other != index);
        let mut departed = Vec::new();
        transport.streams.retain(|&ssrc, role| {
            let stays = role.producer != index;
            if !stays {
                departed.push(ssrc);
            }
            stays
        });
        for ssrc in departed {
            transport.depart(ssrc);
        }
        Some(())
    }

    pub(super) fn add_consumer(
        &mut self,
        handle: u32,
        producer: u32,
        transport: u32,
        config: ConsumerConfig,
        now: Now,
        io: &mut Io<'_>,
    ) -> Option<()> {
        let producer_index = self.producers.index_of(producer)?;
        let transport_index = self.transports.index_of(transport)?;
        let producer = self.producers.get_mut(producer_index)?;
        let transport = self.transports.get_mut(transport_index)?;
        let layer = config.layer;
        let encoding = producer.encodings.get_mut(layer)?;
        let ssrcs = [Some(config.ssrc), config.rtx_ssrc];
        let taken =
            |ssrc: u32| transport.outgoing.contains_key(&ssrc) || !transport.retired.admits(ssrc);
        if ssrcs.into_iter().flatten().any(taken) {
            return None;
        }
        let wiring = Wiring {
            handle,
            producer: producer_index,
            transport: transport_index,
            video: producer.video,
        };
        let [next_out, next_rtx] = ssrcs.map(|ssrc| transport.retired.next(ssrc?));
        let consumer = Consumer::new(wiring, config, next_out, next_rtx);
        let index = self.consumers.insert(handle, consumer)?;
        encoding.consumers.push(index);
        transport.add_consumer(index, ssrcs);
        if encoding.fresh_key_frame(now.micros).is_none() {
            // While its client is still setting up what the picture will go through: it is here by then.
            self.ask_key_frame(producer_index, layer, now, io);
        }
        self.ask_key_frame_for(index, now, io);
        Some(())
    }

    pub(super) fn pause_consumer(&mut self, handle: u32) -> Option<()> {
        let index = self.consumers.index_of(handle)?;
        let consumer = self.consumers.get_mut(index)?;
        consumer.pause();
        settle(self.producers.get_mut(consumer.producer)?, consumer, index);
        Some(())
    }

    pub(super) fn resume_consumer(&mut self, handle: u32, now: Now, io: &mut Io<'_>) -> Option<()> {
        let index = self.consumers.index_of(handle)?;
        let consumer = self.consumers.get_mut(index)?;
        if consumer.is_paused() {
            consumer.resume();
            self.ask_key_frame_for(index, now, io);
        }
        Some(())
    }

    pub(super) fn remove_consumer(&mut self, handle: u32) -> Option<()> {
        let index = self.consumers.index_of(handle)?;
        self.drop_consumer(index)
    }

    pub(super) fn drop_consumer(&mut self, index: usize) -> Option<()> {
        let handle = self.consumers.get(index)?.handle;
        let mut consumer = self.consumers.remove(handle)?;
        if let Some(producer) = self.producers.get_mut(consumer.producer) {
            cancel_switch(producer, &mut consumer, index);
            if let Some(encoding) = producer.encodings.get_mut(consumer.layer()) {
                encoding.consumers.retain(|other| *other != index);
            }
        }
        let transport = self.transports.get_mut(consumer.transport)?;
        transport.consumers.retain(|other| *other != index);
        transport
            .outgoing
            .retain(|_, stream| stream.consumer != index);
        for (ssrc, next) in consumer.next_numbers() {
            transport.retired.keep(ssrc, next);
        }
        Some(())
    }

    /// How loud audio producers were since this was asked last. One that is paused is silent.
    pub(super) fn take_audio_levels(&mut self, levels: &mut Vec<AudioLevel>, now: Now) {
        for index in 0..self.producers.bound() {
            let Some(producer) = self.producers.get_mut(index) else {
                continue;
            };
            if let Some(level) = producer
                .loudness
                .take(now.micros)
                .filter(|_| !producer.paused)
            {
                levels.push(AudioLevel {
                    producer: producer.handle,
                    level,
                });
            }
        }
    }
}

/// SSRC, encoding and whether it is RTX, of every stream that was declared.
fn declared_streams(producer: &Producer) -> Vec<(u32, usize, bool)> {
    let encodings = producer.encodings.iter().enumerate();
    let streams = encodings.flat_map(|(index, encoding)| {
        [
            (encoding.ssrc, index, false),
            (encoding.rtx_ssrc, index, true),
        ]
    });
    streams
        .filter_map(|(ssrc, index, rtx)| Some((ssrc?, index, rtx)))
        .collect()
}

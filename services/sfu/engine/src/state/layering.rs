//! Which encoding of a producer a consumer gets, and how it passes from one to another.

use super::arena::Arena;
use super::consumer::Consumer;
use super::core::{Core, Io, push};
use super::counter::Counters;
use super::now::Now;
use super::producer::Producer;
use crate::event::Event;

impl Core {
    /// Forwards another encoding from its next key frame on; at once where nothing is forwarded now.
    pub(super) fn set_consumer_layer(
        &mut self,
        handle: u32,
        layer: usize,
        now: Now,
        io: &mut Io<'_>,
    ) -> Option<()> {
        let index = self.consumers.index_of(handle)?;
        let consumer = self.consumers.get_mut(index)?;
        let producer = self.producers.get_mut(consumer.producer)?;
        if layer >= producer.encodings.len() {
            self.counters.layers_unknown.one();
            return Some(());
        }
        if consumer.target().unwrap_or(consumer.layer()) == layer {
            return Some(());
        }
        cancel_switch(producer, consumer, index);
        if consumer.layer() == layer {
            return Some(());
        }
        if consumer.is_running() {
            consumer.aim(Some(layer));
            producer.encodings.get_mut(layer)?.joining.push(index);
        } else {
            move_to(producer, consumer, index, layer);
        }
        self.ask_key_frame_for(index, now, io);
        Some(())
    }

    /// Tells the owner which encodings the consumers of video on a transport get, as far as it does not
    /// know and there is room.
    pub(super) fn tell_layers(&mut self, transport: usize, io: &mut Io<'_>) -> Option<()> {
        let transport = self.transports.get_mut(transport)?;
        if !std::mem::take(&mut transport.layers_untold) {
            return None;
        }
        for &index in &transport.consumers {
            let Some(consumer) = self.consumers.get_mut(index) else {
                continue;
            };
            let Some(layer) = consumer.untold() else {
                continue;
            };
            let event = Event::ConsumerLayer {
                consumer: consumer.handle,
                layer: layer as u32,
            };
            if !push(&self.counters, io, event) {
                transport.layers_untold = true;
                return None;
            }
            consumer.note_told(layer);
        }
        Some(())
    }
}

/// Finds the encodings of a video producer that have gone quiet, and tells the owner of those whose
/// state it does not know, as far as there is room.
pub(super) fn tell_activity(
    producer: &mut Producer,
    now: Now,
    counters: &Counters,
    io: &mut Io<'_>,
) {
    let encodings = &mut producer.encodings;
    for layer in 0..encodings.len() {
        let activity = &encodings[layer].activity;
        let behind = activity.is_active()
            && encodings
                .iter()
                .any(|other| activity.has_fallen_behind(&other.activity, now.micros));
        let activity = &mut encodings[layer].activity;
        if behind {
            activity.end();
        }
        let Some(active) = activity.untold() else {
            continue;
        };
        let event = Event::Encoding {
            producer: producer.handle,
            encoding: layer as u32,
            active,
        };
        if !push(counters, io, event) {
            return;
        }
        activity.note_told(active);
    }
}

/// A packet that can start a stream has come: everyone who waits to get this encoding instead of
/// another gets it now.
pub(super) fn switch_over(
    producer: &mut Producer,
    layer: usize,
    consumers: &mut Arena<Consumer>,
) -> Option<()> {
    while let Some(index) = producer.encodings.get_mut(layer)?.joining.pop() {
        if let Some(consumer) = consumers.get_mut(index) {
            move_to(producer, consumer, index, layer);
        }
    }
    Some(())
}

/// What is not forwarded need not go on until the switch.
pub(super) fn settle(producer: &mut Producer, consumer: &mut Consumer, index: usize) {
    if let Some(target) = consumer.target() {
        cancel_switch(producer, consumer, index);
        move_to(producer, consumer, index, target);
    }
}

/// The encoding that is forwarded stays.
pub(super) fn cancel_switch(producer: &mut Producer, consumer: &mut Consumer, index: usize) {
    let target = consumer.target();
    if let Some(encoding) = target.and_then(|target| producer.encodings.get_mut(target)) {
        encoding.joining.retain(|other| *other != index);
    }
    consumer.aim(None);
}

fn move_to(producer: &mut Producer, consumer: &mut Consumer, index: usize, layer: usize) {
    if let Some(before) = producer.encodings.get_mut(consumer.layer()) {
        before.consumers.retain(|other| *other != index);
    }
    if let Some(encoding) = producer.encodings.get_mut(layer) {
        encoding.consumers.push(index);
    }
    consumer.move_to(layer);
}

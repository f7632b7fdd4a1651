//! Commands of the owner.

use std::collections::hash_map::Entry;

use super::core::{Arrival, Core, Io, push};
use super::now::Now;
use super::outbox::DATAGRAM_BYTES;
use super::transport::{Crypto, Transport};
use crate::command::{Command, Credentials, Keys};
use crate::event::Event;

impl Core {
    /// Carries out one command. What concerns a handle that is gone is counted, not an error: the
    /// owner may not know yet.
    pub fn apply(&mut self, command: Command, now: Now, io: &mut Io<'_>) {
        let done = self.carry_out(command, now, io);
        if done.is_none() {
            self.counters.commands_stale.one();
        }
    }

    fn carry_out(&mut self, command: Command, now: Now, io: &mut Io<'_>) -> Option<()> {
        match command {
            Command::AddTransport {
                transport,
                credentials,
            } => self.add_transport(transport, credentials),
            Command::RestartIce {
                transport,
                credentials,
            } => self.restart_ice(transport, credentials),
            Command::SetKeys { transport, keys } => self.set_keys(transport, &keys, now, io),
            Command::SendDtls {
                transport,
                datagram,
            } => self.send_dtls(transport, &datagram, io),
            Command::RemoveTransport { transport } => {
                // The handle may get a new owner, whom the old failure does not concern.
                self.untold.retain(|failure| failure.transport != transport);
                self.remove_transport(transport)
            }
            Command::AddProducer {
                producer,
                transport,
                config,
            } => self.add_producer(producer, transport, *config),
            Command::PauseProducer { producer } => self.pause_producer(producer),
            Command::ResumeProducer { producer } => self.resume_producer(producer, now, io),
            Command::RemoveProducer { producer } => self.remove_producer(producer),
            Command::AddConsumer {
                consumer,
                producer,
                transport,
                config,
            } => self.add_consumer(consumer, producer, transport, *config, now, io),
            Command::SetConsumerLayer { consumer, layer } => {
                self.set_consumer_layer(consumer, layer, now, io)
            }
            Command::RequestKeyFrame { consumer } => self.request_key_frame(consumer, now, io),
            Command::PauseConsumer { consumer } => self.pause_consumer(consumer),
            Command::ResumeConsumer { consumer } => self.resume_consumer(consumer, now, io),
            Command::RemoveConsumer { consumer } => self.remove_consumer(consumer),
            Command::RequestConsumerStats { consumer, token } => {
                let stats = self.consumer_stats(consumer);
                self.hand_up(Event::ConsumerStats { token, stats }, io)
            }
            Command::RequestProducerStats { producer, token } => {
                let stats = self.producer_stats(producer);
                self.hand_up(Event::ProducerStats { token, stats }, io)
            }
            Command::RequestTransportStats { transport, token } => {
                let stats = self.transport_stats(transport);
                self.hand_up(Event::TransportStats { token, stats }, io)
            }
            Command::RequestSample { token, mut sample } => {
                self.take_sample(&mut sample);
                self.hand_up(Event::Sample { token, sample }, io)
            }
            Command::RequestAudioLevels { token, mut levels } => {
                self.take_audio_levels(&mut levels, now);
                push(&self.counters, io, Event::AudioLevels { token, levels });
                Some(())
            }
        }
    }

    fn hand_up(&self, event: Event, io: &mut Io<'_>) -> Option<()> {
        push(&self.counters, io, event);
        Some(())
    }

    fn add_transport(&mut self, handle: u32, credentials: Credentials) -> Option<()> {
        let Entry::Vacant(entry) = self.ufrags.entry(credentials.ufrag.clone()) else {
            return None;
        };
        let transport = Transport::new(handle, credentials);
        let index = self.transports.insert(handle, transport)?;
        entry.insert(index);
        Some(())
    }

    fn restart_ice(&mut self, handle: u32, credentials: Credentials) -> Option<()> {
        let index = self.transports.index_of(handle)?;
        let Entry::Vacant(entry) = self.ufrags.entry(credentials.ufrag.clone()) else {
            return None;
        };
        entry.insert(index);
        let transport = self.transports.get_mut(index)?;
        if let Some(retired) = transport.agent.restart(credentials) {
            self.ufrags.remove(&retired);
        }
        Some(())
    }

    /// Keys are set once: to start again with the same ones would use up indices twice.
    fn set_keys(&mut self, handle: u32, keys: &Keys, now: Now, io: &mut Io<'_>) -> Option<()> {
        let index = self.transports.index_of(handle)?;
        let transport = self.transports.get_mut(index)?;
        if transport.crypto.is_some() {
            return None;
        }
        transport.crypto = Some(Crypto::new(keys).ok()?);
        for mut held in transport.waiting.take() {
            if held.is_stale(now.micros) {
                self.counters.dropped_before_keys.one();
                continue;
            }
            self.counters.replayed_after_keys.one();
            let arrival = Arrival {
                now,
                micros: held.arrival_micros,
            };
            let handled = self.contain(|core| {
                core.handle_media(index, &mut held.bytes, &held.tuple, arrival, io);
            });
            if !handled {
                return self.fail(index, io);
            }
        }
        self.wake_consumers_of_transport(index, now, io);
        Some(())
    }

    fn send_dtls(&mut self, handle: u32, datagram: &[u8], io: &mut Io<'_>) -> Option<()> {
        let index = self.transports.index_of(handle)?;
        let transport = self.transports.get_mut(index)?;
        let Some(tuple) = transport.agent.destination() else {
            self.counters.dropped_dtls_no_address.one();
            return Some(());
        };
        if datagram.len() > DATAGRAM_BYTES {
            self.counters.dropped_dtls_too_long.one();
            return Some(());
        }
        io.out.slot()[..datagram.len()].copy_from_slice(datagram);
        io.out.commit(datagram.len(), &tuple);
        transport.sent.note(datagram.len());
        self.counters.dtls_out.one();
        Some(())
    }

    /// With its producers, its consumers, and the consumers of its producers.
    pub(super) fn remove_transport(&mut self, handle: u32) -> Option<()> {
        let index = self.transports.index_of(handle)?;
        let transport = self.transports.get(index)?;
        let consumers = transport.consumers.clone();
        let producers = transport.producers.clone();
        for consumer in consumers {
            self.drop_consumer(consumer);
        }
        for producer in producers {
            self.drop_producer(producer);
        }
        let transport = self.transports.remove(handle)?;
        for ufrag in transport.agent.ufrags() {
            self.ufrags.remove(ufrag);
        }
        for tuple in transport.agent.paths() {
            self.tuples.remove(tuple);
        }
        Some(())
    }
}

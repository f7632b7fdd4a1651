//! What the engine tells its owner, through a bounded ring and an eventfd.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex};

use crate::io::eventfd::EventFd;

/// Counters of one consumer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConsumerStats {
    pub packets_received: u64,
    pub packets_sent: u64,
    pub packets_retransmitted: u64,
    pub nacks_received: u64,
    pub key_frame_requests_sent: u64,
    pub waiting_for_key_frame: bool,
    pub round_trip_ms: Option<u32>,
    /// The encoding that is forwarded; `None` before anything was.
    pub layer: Option<usize>,
    /// The encoding that is to be forwarded.
    pub target_layer: usize,
}

/// How loud an audio producer was, in -dBov.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioLevel {
    pub producer: u32,
    pub level: u8,
}

/// Counters of one encoding of a producer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EncodingStats {
    /// Declared, or learned from its packets.
    pub ssrc: Option<u32>,
    /// Retransmissions included.
    pub packets_received: u64,
    /// Of their payload.
    pub bytes_received: u64,
    /// Of the packets, those that came by RTX; `None` where there is none.
    pub packets_repaired: Option<u64>,
    /// Repaired ones included; packets that came twice make it less.
    pub packets_lost: i64,
    pub jitter_micros: Option<u64>,
    /// Messages, each for several packets.
    pub nacks_sent: u64,
    pub key_frame_requests_sent: u64,
}

/// Datagrams of one transport without ICE, and bytes of UDP payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransportStats {
    pub packets_received: u64,
    pub bytes_received: u64,
    pub packets_sent: u64,
    pub bytes_sent: u64,
}

/// Counters of all streams at one moment: records without padding, little endian.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    pub encodings: Vec<u8>,
    pub consumers: Vec<u8>,
}

/// u32 producer, u32 index of the encoding, u64 packets, i64 lost, u64 repaired.
const ENCODING_BYTES: usize = 32;
/// u32 consumer, u64 packets sent; u32 expected, i32 lost, u64 repaired, all three by its reports.
const CONSUMER_BYTES: usize = 28;

impl Sample {
    /// An empty one, with the room for so many streams.
    pub fn with_room(encodings: usize, consumers: usize) -> Self {
        Self {
            encodings: Vec::with_capacity(encodings * ENCODING_BYTES),
            consumers: Vec::with_capacity(consumers * CONSUMER_BYTES),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A DTLS datagram from a validated address.
    Dtls {
        transport: u32,
        datagram: Vec<u8>,
    },
    /// A pair was nominated, or another one than before.
    IceConnected {
        transport: u32,
        remote: SocketAddr,
    },
    /// Consent has expired (RFC 7675).
    IceDisconnected {
        transport: u32,
    },
    /// The engine has closed the transport.
    TransportFailed {
        transport: u32,
        reason: &'static str,
    },
    /// An encoding of a video producer sends, or has gone quiet.
    Encoding {
        producer: u32,
        encoding: u32,
        active: bool,
    },
    /// From now on this encoding is forwarded.
    ConsumerLayer {
        consumer: u32,
        layer: u32,
    },
    /// Answer to a request; `None` for a consumer that is gone.
    ConsumerStats {
        token: u64,
        stats: Option<ConsumerStats>,
    },
    /// Answer to a request: the producers that were not silent.
    AudioLevels {
        token: u64,
        levels: Vec<AudioLevel>,
    },
    /// One for each encoding.
    ProducerStats {
        token: u64,
        stats: Option<Vec<EncodingStats>>,
    },
    TransportStats {
        token: u64,
        stats: Option<TransportStats>,
    },
    Sample {
        token: u64,
        sample: Sample,
    },
}

/// Takes events. False: there is no room, and the event is lost.
pub trait EventSink {
    fn push(&mut self, event: Event) -> bool;
}

/// The engine's end of the ring.
pub struct EventWriter {
    sender: SyncSender<Event>,
    wake: Arc<EventFd>,
    unsignalled: bool,
}

impl EventSink for EventWriter {
    fn push(&mut self, event: Event) -> bool {
        let taken = self.sender.try_send(event).is_ok();
        self.unsignalled |= taken;
        taken
    }
}

impl EventWriter {
    /// Makes the descriptor readable if events were pushed: once per round, not once per event.
    pub fn signal(&mut self) {
        if std::mem::take(&mut self.unsignalled) {
            self.wake.signal();
        }
    }
}

/// The owner's end of the ring.
pub struct EventReader {
    receiver: Mutex<Receiver<Event>>,
    wake: Arc<EventFd>,
    capacity: usize,
}

impl EventReader {
    pub fn fileno(&self) -> i32 {
        self.wake.fileno()
    }

    /// Takes what waits, at most one ring full, so that a busy engine cannot hold the reader.
    pub fn drain(&self) -> Vec<Event> {
        // A reader that panicked has left the ring as it was.
        let receiver = self
            .receiver
            .lock()
            .unwrap_or_else(|poison| poison.into_inner());
        self.wake.clear();
        let mut events = Vec::new();
        while events.len() < self.capacity {
            match receiver.try_recv() {
                Ok(event) => events.push(event),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return events,
            }
        }
        self.wake.signal();
        events
    }
}

/// A ring for `capacity` events.
pub fn ring(capacity: usize) -> io::Result<(EventWriter, EventReader)> {
    let (sender, receiver) = sync_channel(capacity);
    let wake = Arc::new(EventFd::new()?);
    let writer = EventWriter {
        sender,
        wake: Arc::clone(&wake),
        unsignalled: false,
    };
    let reader = EventReader {
        receiver: Mutex::new(receiver),
        wake,
        capacity,
    };
    Ok((writer, reader))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(transport: u32) -> Event {
        Event::IceDisconnected { transport }
    }

    #[test]
    fn full_ring_refuses_and_keeps_what_it_has() {
        let (mut writer, reader) = ring(2).unwrap();
        assert!(writer.push(event(1)));
        assert!(writer.push(event(2)));
        assert!(!writer.push(event(3)));
        assert_eq!(reader.drain(), vec![event(1), event(2)]);
        assert!(writer.push(event(4)));
    }

    #[test]
    fn descriptor_is_readable_while_events_wait() {
        let (mut writer, reader) = ring(2).unwrap();
        assert!(!reader.wake.is_readable());
        writer.push(event(1));
        writer.signal();
        assert!(reader.wake.is_readable());
        reader.drain();
        assert!(!reader.wake.is_readable());
    }
}

//! The whole state of the engine, driven by datagrams, commands and time. It does no I/O.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::arena::Arena;
use super::consumer::Consumer;
use super::counter::Counters;
use super::now::Now;
use super::outbox::Outbox;
use super::producer::Producer;
use super::transport::Transport;
use super::tuple::Tuple;
use crate::event::{Event, EventSink};
use crate::wire::demux::{Protocol, classify};

/// Where results go.
pub struct Io<'a> {
    pub out: &'a mut dyn Outbox,
    pub events: &'a mut dyn EventSink,
}

/// The engine has closed a transport by itself.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    pub transport: u32,
    pub reason: &'static str,
}

/// When a datagram came.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    pub now: Now,
    /// The kernel's time, on the monotonic clock of `now`: what congestion control is told.
    pub micros: u64,
}

/// More are never asked for at once.
const MAX_LOST: usize = 1_024;

pub struct Core {
    pub(super) transports: Arena<Transport>,
    pub(super) producers: Arena<Producer>,
    pub(super) consumers: Arena<Consumer>,
    /// Transport by our user name fragment.
    pub(super) ufrags: HashMap<String, usize>,
    /// Transport by validated address.
    pub(super) tuples: HashMap<Tuple, usize>,
    pub(super) counters: Arc<Counters>,
    pub(super) consent_timeout_micros: u64,
    pub(super) tick_at_micros: u64,
    /// Failures that the owner does not know of: an event that found no room is tried again.
    pub(super) untold: Vec<Failure>,
    /// Scratch space for sequence numbers to ask for.
    pub(super) lost: Vec<u16>,
}

impl Core {
    pub fn new(counters: Arc<Counters>, consent_timeout_ms: u64) -> Self {
        Self {
            transports: Arena::default(),
            producers: Arena::default(),
            consumers: Arena::default(),
            ufrags: HashMap::new(),
            tuples: HashMap::new(),
            counters,
            consent_timeout_micros: consent_timeout_ms * 1_000,
            tick_at_micros: 0,
            untold: Vec::new(),
            lost: Vec::with_capacity(MAX_LOST),
        }
    }

    /// Takes one datagram; decrypts it where it lies. A panic costs the transport it came for.
    pub fn handle_datagram(
        &mut self,
        bytes: &mut [u8],
        tuple: &Tuple,
        arrival: Arrival,
        io: &mut Io<'_>,
    ) {
        self.counters.datagrams_in.one();
        self.counters.bytes_in.add(bytes.len() as u64);
        let handled = self.contain(|core| core.dispatch(bytes, tuple, arrival, io));
        if !handled {
            let owner = self.tuples.get(tuple).copied();
            owner.and_then(|index| self.fail(index, io));
        }
    }

    /// Does what a datagram asks for. False after a panic, which is counted.
    pub(super) fn contain(&mut self, work: impl FnOnce(&mut Self)) -> bool {
        let done = catch_unwind(AssertUnwindSafe(|| work(self))).is_ok();
        if !done {
            self.counters.panics.one();
        }
        done
    }

    fn dispatch(&mut self, bytes: &mut [u8], tuple: &Tuple, arrival: Arrival, io: &mut Io<'_>) {
        if bytes.is_empty() {
            self.counters.dropped_empty.one();
            return;
        }
        let Some(protocol) = classify(bytes) else {
            self.counters.dropped_unknown.one();
            return;
        };
        if protocol == Protocol::Stun {
            self.handle_stun(bytes, tuple, arrival.now, io);
            return;
        }
        let Some(index) = self.tuples.get(tuple).copied() else {
            self.counters.dropped_unvalidated.one();
            return;
        };
        if let Some(transport) = self.transports.get_mut(index) {
            transport.received.note(bytes.len());
        }
        match protocol {
            Protocol::Dtls => self.pass_dtls(index, bytes, arrival.now, io),
            _ => self.handle_media(index, bytes, tuple, arrival, io),
        }
    }

    fn pass_dtls(&mut self, index: usize, bytes: &[u8], now: Now, io: &mut Io<'_>) {
        let Some(transport) = self.transports.get_mut(index) else {
            return;
        };
        if !transport.dtls_allowance.take(now.micros) {
            self.counters.dropped_dtls_excess.one();
            return;
        }
        self.counters.dtls_in.one();
        let event = Event::Dtls {
            transport: transport.handle,
            datagram: bytes.to_vec(),
        };
        push(&self.counters, io, event);
    }

    /// SRTP and SRTCP; held back until the keys are there.
    pub(super) fn handle_media(
        &mut self,
        index: usize,
        bytes: &mut [u8],
        tuple: &Tuple,
        arrival: Arrival,
        io: &mut Io<'_>,
    ) {
        let Some(transport) = self.transports.get_mut(index) else {
            return;
        };
        #[cfg(test)]
        assert!(!transport.explodes, "told to");
        if transport.crypto.is_none() {
            let dropped = transport.waiting.hold(bytes, *tuple, arrival.micros);
            self.counters.dropped_before_keys.add(dropped as u64);
            return;
        }
        match classify(bytes) {
            Some(Protocol::Rtcp) => self.handle_rtcp(index, bytes, arrival.now, io),
            _ => self.handle_rtp(index, bytes, arrival, io),
        };
    }

    /// Closes the transport whose datagram made the engine panic.
    pub(super) fn fail(&mut self, index: usize, io: &mut Io<'_>) -> Option<()> {
        let transport = self.transports.get(index)?.handle;
        self.remove_transport(transport);
        // The panic may have come between two steps: what is left must not lead to the transport
        // that gets this index next.
        self.tuples.retain(|_, owner| *owner != index);
        self.ufrags.retain(|_, owner| *owner != index);
        self.untold.push(Failure {
            transport,
            reason: "panic",
        });
        self.tell_failures(io);
        Some(())
    }

    /// Tells the owner of transports that failed, as far as there is room.
    pub(super) fn tell_failures(&mut self, io: &mut Io<'_>) {
        let counters = &self.counters;
        self.untold.retain(|failure| {
            let event = Event::TransportFailed {
                transport: failure.transport,
                reason: failure.reason,
            };
            !push(counters, io, event)
        });
    }
}

/// Hands an event up, or counts its loss.
pub(super) fn push(counters: &Counters, io: &mut Io<'_>, event: Event) -> bool {
    let taken = io.events.push(event);
    if !taken {
        counters.events_dropped.one();
    }
    taken
}

//! Connectivity checks and what follows from them.

use super::agent::IceState;
use super::core::{Core, Io, push};
use super::now::Now;
use super::outbox::Outbox;
use super::transport::Announced;
use super::tuple::Tuple;
use crate::event::Event;
use crate::wire::stun::{
    Class, ErrorCode, IntegrityKey, Message, StunError, write_binding_error, write_binding_success,
};

impl Core {
    pub(super) fn handle_stun(&mut self, bytes: &[u8], tuple: &Tuple, now: Now, io: &mut Io<'_>) {
        let Some(message) = self.parse_check(bytes) else {
            return;
        };
        let Some((index, ufrag)) = self.transport_of(&message) else {
            self.counters.dropped_stun_unknown_ufrag.one();
            return;
        };
        let key = self.key(index, ufrag);
        if !key.is_some_and(|key| message.verify_integrity(key)) {
            self.counters.dropped_stun_integrity.one();
            return;
        }
        if !self.may_use_path(index, &message, tuple, now) {
            return;
        }
        let Some(key) = self.key(index, ufrag) else {
            return;
        };
        let valid = self.answer(&message, tuple, key, io.out);
        if valid {
            let nominates = message.use_candidate;
            self.take_path(index, *tuple, ufrag, nominates, now);
            self.announce_first(index, io);
        }
    }

    fn key(&self, index: usize, ufrag: &str) -> Option<&IntegrityKey> {
        self.transports.get(index)?.agent.key(ufrag)
    }

    /// False, and counted, for an authentic check that would move somebody's media by fraud.
    fn may_use_path(
        &mut self,
        index: usize,
        message: &Message<'_>,
        tuple: &Tuple,
        now: Now,
    ) -> bool {
        // A client may use the port of one that is gone, but not, with a forged source address, that
        // of one who is there.
        let owner = self.tuples.get(tuple).filter(|owner| **owner != index);
        let owner = owner.and_then(|owner| self.transports.get(*owner));
        if owner.is_some_and(|owner| owner.agent.is_alive(now.micros)) {
            self.counters.dropped_stun_path_in_use.one();
            return false;
        }
        let Some(transport) = self.transports.get_mut(index) else {
            return false;
        };
        let own = transport.agent.is_own(&message.transaction_id, tuple);
        if !own {
            self.counters.dropped_stun_replayed.one();
        }
        own
    }

    /// A Binding request, or `None` and counted.
    fn parse_check<'a>(&self, bytes: &'a [u8]) -> Option<Message<'a>> {
        let counters = &self.counters;
        let message = match Message::parse(bytes) {
            Ok(message) => message,
            Err(error) => {
                match error {
                    StunError::Malformed => counters.dropped_stun_malformed.one(),
                    StunError::UnknownMethod => counters.dropped_stun_unexpected.one(),
                    StunError::BadFingerprint => counters.dropped_stun_fingerprint.one(),
                }
                return None;
            }
        };
        counters.stun_in.one();
        if message.class != Class::Request {
            counters.dropped_stun_unexpected.one();
            return None;
        }
        Some(message)
    }

    fn transport_of<'a>(&self, message: &Message<'a>) -> Option<(usize, &'a str)> {
        let ufrag = message.local_ufrag()?;
        let index = self.ufrags.get(ufrag).copied()?;
        Some((index, ufrag))
    }

    /// Writes the answer; true when the check is a good one. Only authentic requests are answered at
    /// all, so nobody can use us to send to a third party.
    fn answer(
        &self,
        message: &Message<'_>,
        tuple: &Tuple,
        key: &IntegrityKey,
        out: &mut dyn Outbox,
    ) -> bool {
        let refusal = match (message.unknown_required, message.controlled) {
            (Some(attribute), _) => Some(ErrorCode::UnknownAttribute(attribute)),
            (None, Some(_)) => {
                // We are lite, so the client must be the one that controls (RFC 8445, 6.1.1).
                self.counters.stun_role_conflicts.one();
                Some(ErrorCode::RoleConflict)
            }
            (None, None) => None,
        };
        let transaction = &message.transaction_id;
        let written = match refusal {
            Some(code) => write_binding_error(out.slot(), transaction, code, Some(key)),
            None => write_binding_success(out.slot(), transaction, tuple.remote, key),
        };
        if let Some(length) = written {
            self.counters.stun_out.one();
            out.commit(length, tuple);
        }
        refusal.is_none()
    }

    fn take_path(&mut self, index: usize, tuple: Tuple, ufrag: &str, nominates: bool, now: Now) {
        let before = self.tuples.insert(tuple, index);
        if let Some(other) = before.filter(|other| *other != index) {
            if let Some(other) = self.transports.get_mut(other) {
                other.agent.forget(&tuple);
            }
        }
        let Some(transport) = self.transports.get_mut(index) else {
            return;
        };
        let agent = &mut transport.agent;
        let outcome = agent.checked(tuple, ufrag, nominates, now.micros);
        if let Some(evicted) = outcome.evicted {
            self.tuples.remove(&evicted);
        }
        if let Some(retired) = outcome.retired_ufrag {
            self.ufrags.remove(&retired);
        }
    }

    /// Tells the owner of a client that has come. Of another path it is told with the next tick: a
    /// client that goes to and fro must not fill the ring.
    fn announce_first(&mut self, index: usize, io: &mut Io<'_>) {
        let transport = self.transports.get(index);
        let known = transport.map(|found| found.announced);
        if !matches!(known, Some(Announced::Connected(_))) {
            self.announce(index, io);
        }
    }

    /// Tells the owner about the agent's state, unless it knows.
    pub(super) fn announce(&mut self, index: usize, io: &mut Io<'_>) {
        let Some(transport) = self.transports.get_mut(index) else {
            return;
        };
        let handle = transport.handle;
        let (wanted, event) = match (transport.agent.state(), transport.agent.selected()) {
            (IceState::Connected, Some(tuple)) => {
                let event = Event::IceConnected {
                    transport: handle,
                    remote: tuple.remote,
                };
                (Announced::Connected(tuple.remote), event)
            }
            (IceState::Disconnected, _) => {
                let event = Event::IceDisconnected { transport: handle };
                (Announced::Disconnected, event)
            }
            _ => return,
        };
        if transport.announced != wanted && push(&self.counters, io, event) {
            transport.announced = wanted;
        }
    }

    /// Ends the consent of a transport whose client has been silent for too long (RFC 7675).
    pub(super) fn expire_consent(&mut self, index: usize, now: Now) {
        let Some(transport) = self.transports.get_mut(index) else {
            return;
        };
        let agent = &mut transport.agent;
        for tuple in agent.expire(now.micros, self.consent_timeout_micros) {
            self.tuples.remove(&tuple);
        }
    }
}

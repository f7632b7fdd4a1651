//! The ICE-lite agent of one transport (RFC 8445): who may send, and where to send.

use std::collections::VecDeque;

use super::tuple::Tuple;
use crate::command::Credentials;
use crate::wire::stun::IntegrityKey;

/// Addresses that a client may have validated at a time.
const MAX_PATHS: usize = 8;

/// Transactions that are remembered: those of a minute or so, since browsers check a path in use each
/// second or third one.
const MAX_TRANSACTIONS: usize = 32;
/// Browsers check a path in use within six seconds (RFC 7675, 5.1).
const ALIVE_MICROS: u64 = 10_000_000;

/// Our half of the short-term credentials; the other half is never needed by an agent that only answers.
pub struct LocalCredentials {
    pub ufrag: String,
    pub key: IntegrityKey,
}

impl From<Credentials> for LocalCredentials {
    fn from(credentials: Credentials) -> Self {
        Self {
            key: IntegrityKey::new(&credentials.password),
            ufrag: credentials.ufrag,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IceState {
    /// No pair was nominated yet.
    New,
    /// The remote side of the selected pair can be told from the selected tuple.
    Connected,
    /// Consent has expired.
    Disconnected,
}

/// What a valid check has changed besides its path.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct CheckOutcome {
    /// Credentials that are good no more.
    pub retired_ufrag: Option<String>,
    /// A path that had to make room.
    pub evicted: Option<Tuple>,
}

pub struct Agent {
    current: LocalCredentials,
    /// Those of before a restart: good until the first check with the current ones.
    previous: Option<LocalCredentials>,
    /// Validated, the one checked last at the end.
    paths: Vec<Tuple>,
    selected: Option<Tuple>,
    state: IceState,
    checked_at_micros: u64,
    /// The last checks and whence they came: STUN has no protection against replay of its own.
    transactions: VecDeque<([u8; 12], Tuple)>,
}

impl Agent {
    pub fn new(credentials: Credentials) -> Self {
        Self {
            current: credentials.into(),
            previous: None,
            paths: Vec::with_capacity(MAX_PATHS),
            selected: None,
            state: IceState::New,
            checked_at_micros: 0,
            transactions: VecDeque::with_capacity(MAX_TRANSACTIONS),
        }
    }

    /// Notes whence an authentic check came. False if the same one came from elsewhere before: then
    /// somebody has recorded it, and to follow it would send the media to whom he likes.
    pub fn is_own(&mut self, transaction: &[u8; 12], tuple: &Tuple) -> bool {
        let known = self
            .transactions
            .iter()
            .find(|known| known.0 == *transaction);
        if let Some((_, origin)) = known {
            return origin == tuple;
        }
        if self.transactions.len() == MAX_TRANSACTIONS {
            self.transactions.pop_front();
        }
        self.transactions.push_back((*transaction, *tuple));
        true
    }

    /// Whether the client was heard of lately.
    pub fn is_alive(&self, now_micros: u64) -> bool {
        now_micros.saturating_sub(self.checked_at_micros) < ALIVE_MICROS
    }

    /// Answers the user name fragment that is good no more, if any: that of a restart that the client
    /// never followed.
    pub fn restart(&mut self, credentials: Credentials) -> Option<String> {
        let before = std::mem::replace(&mut self.current, credentials.into());
        if self.previous.is_some() {
            return Some(before.ufrag);
        }
        self.previous = Some(before);
        None
    }

    /// The key of credentials that are good at present.
    pub fn key(&self, ufrag: &str) -> Option<&IntegrityKey> {
        let previous = self.previous.as_ref();
        [Some(&self.current), previous]
            .into_iter()
            .flatten()
            .find(|credentials| credentials.ufrag == ufrag)
            .map(|credentials| &credentials.key)
    }

    pub fn ufrags(&self) -> impl Iterator<Item = &str> {
        [Some(&self.current), self.previous.as_ref()]
            .into_iter()
            .flatten()
            .map(|credentials| credentials.ufrag.as_str())
    }

    pub fn paths(&self) -> &[Tuple] {
        &self.paths
    }

    pub fn state(&self) -> IceState {
        self.state
    }

    pub fn selected(&self) -> Option<Tuple> {
        self.selected
    }

    /// Where to send: to the nominated pair, else to the one that was checked last.
    pub fn destination(&self) -> Option<Tuple> {
        self.selected.or_else(|| self.paths.last().copied())
    }

    /// A check with good integrity came over `tuple`.
    pub fn checked(
        &mut self,
        tuple: Tuple,
        ufrag: &str,
        nominates: bool,
        now_micros: u64,
    ) -> CheckOutcome {
        let mut outcome = CheckOutcome::default();
        if ufrag == self.current.ufrag {
            let retired = self.previous.take();
            outcome.retired_ufrag = retired.map(|credentials| credentials.ufrag);
        }
        outcome.evicted = self.touch(tuple);
        self.checked_at_micros = now_micros;
        // Browsers that nominated once may check without the flag ever after (Firefox), so after an
        // expiry any check selects.
        if nominates || self.state == IceState::Disconnected {
            self.selected = Some(tuple);
            self.state = IceState::Connected;
        }
        outcome
    }

    /// Moves the path to the end, and the oldest one out if there are too many.
    fn touch(&mut self, tuple: Tuple) -> Option<Tuple> {
        let known = self.paths.iter().position(|path| *path == tuple);
        let evicted = match known {
            Some(index) => {
                self.paths.remove(index);
                None
            }
            None if self.paths.len() == MAX_PATHS => self.evict(),
            None => None,
        };
        self.paths.push(tuple);
        evicted
    }

    fn evict(&mut self) -> Option<Tuple> {
        let selected = self.selected;
        let oldest = self.paths.iter().position(|path| Some(*path) != selected)?;
        Some(self.paths.remove(oldest))
    }

    /// The address has proved to belong to another transport.
    pub fn forget(&mut self, tuple: &Tuple) {
        self.paths.retain(|path| path != tuple);
        if self.selected.as_ref() == Some(tuple) {
            self.selected = self.paths.last().copied();
        }
    }

    /// Ends consent when the last check is too old: answers the paths that are gone.
    pub fn expire(&mut self, now_micros: u64, timeout_micros: u64) -> Vec<Tuple> {
        let age_micros = now_micros.saturating_sub(self.checked_at_micros);
        // Connected without a path: another client has proved that the address is its own.
        let holds = self.state == IceState::Connected || !self.paths.is_empty();
        if !holds || age_micros <= timeout_micros {
            return Vec::new();
        }
        if self.state == IceState::Connected {
            self.state = IceState::Disconnected;
        }
        self.selected = None;
        std::mem::take(&mut self.paths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(ufrag: &str) -> Credentials {
        Credentials {
            ufrag: ufrag.into(),
            password: "password-of-some-length".into(),
        }
    }

    fn path(port: u16) -> Tuple {
        Tuple {
            remote: ([192, 0, 2, 1], port).into(),
            local: [198, 51, 100, 1].into(),
        }
    }

    fn agent() -> Agent {
        Agent::new(credentials("one"))
    }

    #[test]
    fn newest_nominated_pair_is_followed_and_others_stay_valid() {
        let mut agent = agent();
        agent.checked(path(1), "one", false, 0);
        assert_eq!(agent.state(), IceState::New);
        assert_eq!(agent.destination(), Some(path(1)));
        agent.checked(path(2), "one", true, 1);
        agent.checked(path(1), "one", false, 2);
        assert_eq!(agent.destination(), Some(path(2)));
        agent.checked(path(1), "one", true, 3);
        assert_eq!(agent.destination(), Some(path(1)));
        assert_eq!(agent.paths().len(), 2);
    }

    #[test]
    fn ninth_path_pushes_out_the_oldest_that_is_not_selected() {
        let mut agent = agent();
        agent.checked(path(1), "one", true, 0);
        for port in 2..=8 {
            assert_eq!(agent.checked(path(port), "one", false, 1).evicted, None);
        }
        let outcome = agent.checked(path(9), "one", false, 2);
        assert_eq!(outcome.evicted, Some(path(2)));
        assert_eq!(agent.destination(), Some(path(1)));
    }

    #[test]
    fn old_credentials_hold_until_the_first_check_with_new_ones() {
        let mut agent = agent();
        assert_eq!(agent.restart(credentials("two")), None);
        assert!(agent.key("one").is_some() && agent.key("two").is_some());
        let outcome = agent.checked(path(1), "one", true, 0);
        assert_eq!(outcome.retired_ufrag, None);
        let outcome = agent.checked(path(1), "two", true, 0);
        assert_eq!(outcome.retired_ufrag.as_deref(), Some("one"));
        assert!(agent.key("one").is_none());
    }

    #[test]
    fn second_restart_keeps_the_credentials_that_the_client_has_used() {
        let mut agent = agent();
        agent.restart(credentials("two"));
        assert_eq!(agent.restart(credentials("three")).as_deref(), Some("two"));
        assert!(agent.key("one").is_some() && agent.key("three").is_some());
    }

    #[test]
    fn consent_expires_and_any_later_check_brings_it_back() {
        let mut agent = agent();
        agent.checked(path(1), "one", true, 1_000);
        assert!(agent.expire(31_000, 30_000).is_empty());
        assert_eq!(agent.expire(31_001, 30_000), vec![path(1)]);
        assert_eq!(agent.state(), IceState::Disconnected);
        assert_eq!(agent.destination(), None);
        agent.checked(path(2), "one", false, 40_000);
        assert_eq!(agent.state(), IceState::Connected);
        assert_eq!(agent.destination(), Some(path(2)));
    }
}

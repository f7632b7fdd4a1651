//! When to ask a publisher for a key frame.

/// A key frame costs the publisher several times an ordinary one: at most one request in this time.
pub const MIN_INTERVAL_MICROS: u64 = 300_000;
/// A request or its key frame may be lost: ask again after two round trips, but not earlier than this,
/// while somebody waits.
const MIN_REPEAT_MICROS: u64 = 200_000;

/// Requests for one encoding, of all its consumers together.
#[derive(Debug, Default)]
pub struct KeyFrameRequests {
    wanted: bool,
    sent_at_micros: Option<u64>,
    sent: u64,
}

impl KeyFrameRequests {
    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// Somebody waits; wants one if the last request has had its time.
    pub fn want_again(&mut self, now_micros: u64, round_trip_micros: u64) {
        let repeat_micros = MIN_REPEAT_MICROS.max(2 * round_trip_micros);
        self.wanted |= self
            .age_micros(now_micros)
            .is_none_or(|age| age >= repeat_micros);
    }

    /// A key frame came.
    pub fn satisfy(&mut self) {
        self.wanted = false;
    }

    /// Whether to send a request now; then it counts as sent.
    pub fn take_due(&mut self, now_micros: u64) -> bool {
        let rested = self
            .age_micros(now_micros)
            .is_none_or(|age| age >= MIN_INTERVAL_MICROS);
        if !self.wanted || !rested {
            return false;
        }
        self.wanted = false;
        self.sent_at_micros = Some(now_micros);
        self.sent += 1;
        true
    }

    pub fn sent(&self) -> u64 {
        self.sent
    }

    fn age_micros(&self, now_micros: u64) -> Option<u64> {
        Some(now_micros.saturating_sub(self.sent_at_micros?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_within_the_interval_is_sent_when_it_is_over() {
        let mut requests = KeyFrameRequests::default();
        requests.want();
        assert!(requests.take_due(1_000));
        requests.want();
        assert!(!requests.take_due(300_999));
        assert!(requests.take_due(301_000));
        assert!(!requests.take_due(900_000));
        assert_eq!(requests.sent(), 2);
    }

    #[test]
    fn key_frame_meanwhile_makes_the_request_needless() {
        let mut requests = KeyFrameRequests::default();
        requests.want();
        assert!(requests.take_due(0));
        requests.want();
        requests.satisfy();
        assert!(!requests.take_due(400_000));
    }

    #[test]
    fn who_waits_asks_again_after_two_round_trips() {
        let mut requests = KeyFrameRequests::default();
        requests.want_again(0, 400_000);
        assert!(requests.take_due(0));
        requests.want_again(799_999, 400_000);
        assert!(!requests.take_due(799_999));
        requests.want_again(800_000, 400_000);
        assert!(requests.take_due(800_000));
    }

    #[test]
    fn near_publisher_is_asked_again_no_faster_than_the_interval_allows() {
        let mut requests = KeyFrameRequests::default();
        requests.want_again(0, 1_000);
        assert!(requests.take_due(0));
        requests.want_again(250_000, 1_000);
        assert!(!requests.take_due(299_999));
        assert!(requests.take_due(300_000));
    }
}

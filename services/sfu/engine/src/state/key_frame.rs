//! When to ask a publisher for a key frame.

/// A key frame costs the publisher several times an ordinary one: at most one request in this time.
pub const MIN_INTERVAL_MICROS: u64 = 300_000;
/// Requests that bring nothing become rarer, up to this.
const MAX_INTERVAL_MICROS: u64 = 2_400_000;

/// Requests to one producer, of all consumers and for all encodings together: browsers answer one with
/// key frames of all layers.
#[derive(Debug, Default)]
pub struct KeyFrameRequests {
    sent_at_micros: Option<u64>,
    /// The encoding that the last one named.
    named: usize,
    /// Requests since the last key frame.
    in_vain: u32,
    sent: u64,
}

impl KeyFrameRequests {
    /// Whether the last request has had its time.
    pub fn is_rested(&self, now_micros: u64) -> bool {
        let doublings = self.in_vain.saturating_sub(1).min(8);
        let interval_micros = (MIN_INTERVAL_MICROS << doublings).min(MAX_INTERVAL_MICROS);
        let at = self.sent_at_micros;
        at.is_none_or(|at| now_micros.saturating_sub(at) >= interval_micros)
    }

    /// Whether an encoding lies above the one that was named last. Each has its turn, because not every
    /// publisher answers with key frames of all, and one that never comes must not keep others waiting.
    pub fn comes_next(&self, encoding: usize) -> bool {
        encoding > self.named
    }

    pub fn note_sent(&mut self, encoding: usize, now_micros: u64) {
        self.sent_at_micros = Some(now_micros);
        self.named = encoding;
        self.in_vain += 1;
        self.sent += 1;
    }

    /// A key frame came: the publisher answers.
    pub fn note_answer(&mut self) {
        self.in_vain = 0;
    }

    pub fn sent(&self) -> u64 {
        self.sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When requests were sent by somebody who always wants one, in milliseconds.
    fn sent_at(requests: &mut KeyFrameRequests, millis: std::ops::Range<u64>) -> Vec<u64> {
        let mut sent = Vec::new();
        for milli in millis {
            if requests.is_rested(milli * 1_000) {
                requests.note_sent(0, milli * 1_000);
                sent.push(milli);
            }
        }
        sent
    }

    #[test]
    fn requests_in_vain_become_rarer_until_a_key_frame_comes() {
        let mut requests = KeyFrameRequests::default();
        let sent = sent_at(&mut requests, 0..10_000);
        assert_eq!(sent, [0, 300, 900, 2_100, 4_500, 6_900, 9_300]);
        requests.note_answer();
        assert_eq!(sent_at(&mut requests, 9_301..10_300), [9_600, 9_900]);
        assert_eq!(requests.sent(), 9);
    }
}

//! Which packets of an inbound stream are missing and when to ask for them.

/// Beyond this a key frame is cheaper than the retransmissions.
pub const MAX_MISSING: usize = 1_000;
/// Wait this long before the first NACK: most gaps on Wi-Fi close by themselves within it.
const REORDER_TOLERANCE_MS: u64 = 5;
/// Not more often than this, however short the round trip is.
const MIN_INTERVAL_MS: u64 = 40;
/// While nothing has come again yet.
const DEFAULT_ROUND_TRIP_MS: u64 = 100;
const MAX_ATTEMPTS: u8 = 10;

/// What the arrival of a packet meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The next one, or ahead of a gap.
    Newest,
    /// It filled a gap.
    Recovered,
    /// Old and not missing: a duplicate, or given up.
    Late,
    /// So much is missing that only a key frame helps. The list is empty.
    Lost,
}

#[derive(Clone, Copy, Debug)]
struct Missing {
    sequence: u64,
    /// When to ask next.
    due_ms: u64,
    /// When it was asked for last.
    asked_ms: u64,
    attempts: u8,
}

/// One per inbound media SSRC. Sequence numbers are extended ones, times are from one clock.
#[derive(Debug, Default)]
pub struct LossDetector {
    highest: Option<u64>,
    /// Ascending.
    missing: Vec<Missing>,
    /// From asking to the packet, smoothed.
    round_trip_ms: Option<u64>,
}

impl LossDetector {
    pub fn new() -> Self {
        Self::default()
    }

    /// Note that a packet has come, by itself or as a retransmission.
    pub fn receive(&mut self, sequence: u64, now_ms: u64) -> Arrival {
        let Some(highest) = self.highest else {
            self.highest = Some(sequence);
            return Arrival::Newest;
        };
        if sequence <= highest {
            return self.recover(sequence, now_ms);
        }
        self.highest = Some(sequence);
        let gap = sequence - highest - 1;
        if gap > (MAX_MISSING - self.missing.len()) as u64 {
            self.missing.clear();
            return Arrival::Lost;
        }
        let due_ms = now_ms + REORDER_TOLERANCE_MS;
        let skipped = highest + 1..sequence;
        self.missing.extend(skipped.map(|sequence| Missing {
            sequence,
            due_ms,
            asked_ms: now_ms,
            attempts: 0,
        }));
        Arrival::Newest
    }

    /// Append to `out` the numbers to ask for now, ascending, and count the attempt. Those that
    /// were asked for ten times in vain are given up.
    pub fn due(&mut self, now_ms: u64, out: &mut Vec<u16>) {
        let again_ms = now_ms + self.patience_ms();
        self.missing.retain_mut(|missing| {
            if missing.due_ms > now_ms {
                return true;
            }
            if missing.attempts == MAX_ATTEMPTS {
                return false;
            }
            missing.attempts += 1;
            missing.due_ms = again_ms;
            missing.asked_ms = now_ms;
            out.push(missing.sequence as u16);
            true
        });
    }

    /// How long an answer may take: half as long again as usual, so that one that is a little late is
    /// not asked for twice.
    fn patience_ms(&self) -> u64 {
        let round_trip_ms = self.round_trip_ms.unwrap_or(DEFAULT_ROUND_TRIP_MS);
        (round_trip_ms * 3 / 2).max(MIN_INTERVAL_MS)
    }

    /// How many are missing.
    pub fn missing(&self) -> usize {
        self.missing.len()
    }

    /// Nothing of what is missing counts any more, should it come.
    pub fn give_up(&mut self) {
        self.missing.clear();
    }

    fn recover(&mut self, sequence: u64, now_ms: u64) -> Arrival {
        match self
            .missing
            .binary_search_by_key(&sequence, |missing| missing.sequence)
        {
            Ok(at) => {
                let missing = self.missing.remove(at);
                // After two requests nobody knows which of them this answers (Karn's rule).
                if missing.attempts == 1 {
                    let sample_ms = now_ms.saturating_sub(missing.asked_ms);
                    let before_ms = self.round_trip_ms.unwrap_or(sample_ms);
                    self.round_trip_ms = Some((7 * before_ms + sample_ms) / 8);
                }
                Arrival::Recovered
            }
            Err(_) => Arrival::Late,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::wire::testing::Xorshift;

    fn due(detector: &mut LossDetector, now_ms: u64) -> Vec<u16> {
        let mut out = Vec::new();
        detector.due(now_ms, &mut out);
        out
    }

    #[test]
    fn a_gap_is_asked_for_after_the_reorder_tolerance() {
        let mut detector = LossDetector::new();
        assert_eq!(detector.receive(65_534, 0), Arrival::Newest);
        assert_eq!(detector.receive(65_538, 10), Arrival::Newest);
        assert_eq!(detector.missing(), 3);
        assert_eq!(due(&mut detector, 14), [] as [u16; 0]);
        assert_eq!(due(&mut detector, 15), [65_535, 0, 1]);
    }

    #[test]
    fn a_reordered_packet_is_never_asked_for() {
        let mut detector = LossDetector::new();
        detector.receive(10, 0);
        detector.receive(12, 0);
        assert_eq!(detector.receive(11, 3), Arrival::Recovered);
        assert_eq!(due(&mut detector, 1_000), [] as [u16; 0]);
        assert_eq!(detector.receive(11, 4), Arrival::Late);
        assert_eq!(detector.receive(12, 4), Arrival::Late);
    }

    /// What is asked for after packet `before` was followed by the one after the next.
    fn lose_one(detector: &mut LossDetector, before: u64, now_ms: u64) -> Vec<u16> {
        detector.receive(before, now_ms);
        detector.receive(before + 2, now_ms);
        due(detector, now_ms + 5)
    }

    #[test]
    fn repeats_wait_half_as_long_again_as_answers_take_but_at_least_forty_milliseconds() {
        for (round_trip_ms, interval_ms) in [(0, 40), (26, 40), (40, 60), (200, 300)] {
            let mut detector = LossDetector::new();
            assert_eq!(lose_one(&mut detector, 1, 0), [2]);
            assert_eq!(detector.receive(2, 5 + round_trip_ms), Arrival::Recovered);
            assert_eq!(lose_one(&mut detector, 4, 1_000), [5]);
            assert_eq!(due(&mut detector, 1_005 + interval_ms - 1), [] as [u16; 0]);
            assert_eq!(due(&mut detector, 1_005 + interval_ms), [5]);
        }
    }

    #[test]
    fn answer_after_two_requests_says_nothing_of_the_round_trip() {
        let mut detector = LossDetector::new();
        assert_eq!(lose_one(&mut detector, 1, 0), [2]);
        assert_eq!(due(&mut detector, 5 + 149), [] as [u16; 0]);
        assert_eq!(due(&mut detector, 5 + 150), [2]);
        assert_eq!(detector.receive(2, 5 + 151), Arrival::Recovered);
        assert_eq!(lose_one(&mut detector, 4, 1_000), [5]);
        assert_eq!(due(&mut detector, 1_005 + 149), [] as [u16; 0]);
        assert_eq!(due(&mut detector, 1_005 + 150), [5]);
    }

    #[test]
    fn after_ten_attempts_a_packet_is_given_up() {
        let mut detector = LossDetector::new();
        detector.receive(1, 0);
        detector.receive(3, 0);
        let asked: usize = (0..100)
            .map(|round| due(&mut detector, 5 + round * 150).len())
            .sum();
        assert_eq!(asked, 10);
        assert_eq!(detector.missing(), 0);
        assert_eq!(detector.receive(2, 90_000), Arrival::Late);
    }

    #[test]
    fn too_big_a_jump_clears_the_list_and_goes_on_from_there() {
        let mut detector = LossDetector::new();
        detector.receive(1, 0);
        assert_eq!(detector.receive(1_002, 0), Arrival::Newest);
        assert_eq!(detector.missing(), MAX_MISSING);
        assert_eq!(detector.receive(1_004, 0), Arrival::Lost);
        assert_eq!(detector.missing(), 0);
        assert_eq!(detector.receive(1_005, 0), Arrival::Newest);
        assert_eq!(detector.receive(u64::MAX, 0), Arrival::Lost);
    }

    #[test]
    fn the_list_agrees_with_a_set_under_loss_reordering_and_duplicates() {
        let mut random = Xorshift::new(31);
        let mut detector = LossDetector::new();
        let (mut highest, mut missing) = (70_000u64, BTreeSet::new());
        detector.receive(highest, 0);
        for now_ms in 0..3_000 {
            let ahead = random.below(4) != 0;
            let sequence = if ahead {
                highest + 1 + random.below(3)
            } else {
                highest - random.below(50)
            };
            let expected = if sequence > highest {
                missing.extend(highest + 1..sequence);
                highest = sequence;
                Arrival::Newest
            } else if missing.remove(&sequence) {
                Arrival::Recovered
            } else {
                Arrival::Late
            };
            assert_eq!(detector.receive(sequence, now_ms), expected);
            for given_up in due(&mut detector, now_ms) {
                let index = missing.iter().find(|index| **index as u16 == given_up);
                assert!(index.is_some(), "{given_up} is not missing");
            }
            let kept: Vec<u64> = detector
                .missing
                .iter()
                .map(|missing| missing.sequence)
                .collect();
            missing.retain(|index| kept.binary_search(index).is_ok());
            assert_eq!(kept.len(), missing.len());
        }
    }
}

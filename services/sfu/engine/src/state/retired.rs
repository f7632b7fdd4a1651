//! SSRCs that a transport has sent with and that are free again.

use std::collections::{HashMap, VecDeque};

/// SSRCs whose next number is remembered: those of the last thousand consumers.
const MAX_REMEMBERED: usize = 2_048;

/// A pair of SSRC and number must never be used twice with one key (RFC 7714, 8.4): an SSRC goes on
/// where it stopped, or is never used again.
///
/// The owner takes SSRCs by counting up, so those that had to be forgotten lie in one stretch that
/// new ones reach only after all 2^32. Whatever lies in it is refused, be it forgotten or not.
#[derive(Debug, Default)]
pub struct Retired {
    /// Next extended sequence number.
    next: HashMap<u32, u64>,
    /// In the order in which they were retired first.
    order: VecDeque<u32>,
    forgotten: Option<Stretch>,
}

/// From `first` on, `last_distance` included; wraps around.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    first: u32,
    last_distance: u32,
}

impl Stretch {
    fn contains(self, ssrc: u32) -> bool {
        ssrc.wrapping_sub(self.first) <= self.last_distance
    }

    fn with(self, ssrc: u32) -> Self {
        let distance = ssrc.wrapping_sub(self.first);
        Self {
            last_distance: self.last_distance.max(distance),
            ..self
        }
    }
}

impl Retired {
    /// Whether a stream may be sent with this SSRC.
    pub fn admits(&self, ssrc: u32) -> bool {
        let spent = self.forgotten.is_some_and(|found| found.contains(ssrc));
        !spent || self.next.contains_key(&ssrc)
    }

    /// Where a stream with this SSRC has to go on; `None` if it was not used before.
    pub fn next(&self, ssrc: u32) -> Option<u64> {
        self.next.get(&ssrc).copied()
    }

    /// A stream has ended; `next` is the first number that it did not use.
    pub fn keep(&mut self, ssrc: u32, next: u64) {
        if self.next.insert(ssrc, next).is_some() {
            return;
        }
        self.order.push_back(ssrc);
        if self.order.len() <= MAX_REMEMBERED {
            return;
        }
        if let Some(oldest) = self.order.pop_front() {
            self.next.remove(&oldest);
            let start = Stretch {
                first: oldest,
                last_distance: 0,
            };
            self.forgotten = Some(self.forgotten.unwrap_or(start).with(oldest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_what_was_forgotten_is_refused_for_ever() {
        let mut retired = Retired::default();
        let ssrc = |count: u32| (u32::MAX - 5_000).wrapping_add(count);
        for count in 0..10_000 {
            assert!(retired.admits(ssrc(count)));
            retired.keep(ssrc(count), u64::from(count));
        }
        assert_eq!(retired.next.len(), MAX_REMEMBERED);
        assert_eq!(retired.order.len(), MAX_REMEMBERED);
        for count in 0..10_000 {
            let goes_on = retired.next(ssrc(count)) == Some(u64::from(count));
            assert_eq!(retired.admits(ssrc(count)), goes_on);
        }
        assert!(retired.admits(ssrc(10_000)));
    }

    #[test]
    fn order_of_leaving_does_not_matter() {
        let mut retired = Retired::default();
        // The first stream of all ends last.
        for ssrc in (1..5_000).chain([0]) {
            retired.keep(ssrc, 7);
        }
        for ssrc in 5_000..10_000 {
            retired.keep(ssrc, 7);
        }
        assert!((0..7_000).all(|ssrc| !retired.admits(ssrc)));
    }
}

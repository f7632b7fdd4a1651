//! Which indices of one SSRC have been seen (RFC 3711 section 3.3.2), and its rollover counter.

/// Video at 1,000 packets a second may be reordered by a second.
const WINDOW: u64 = 1_024;
const WORDS: usize = (WINDOW / 64) as usize;

/// The last 1,024 indices up to the highest one.
#[derive(Clone, Debug)]
pub(super) struct ReplayWindow {
    highest: u64,
    /// The bit for index i is number i mod 1,024.
    seen: [u64; WORDS],
}

impl ReplayWindow {
    /// A window whose first packet is authenticated already.
    pub(super) fn starting_at(index: u64) -> Self {
        let mut window = Self {
            highest: index,
            seen: [0; WORDS],
        };
        window.mark(index);
        window
    }

    /// The index that is nearest to the highest one among those that end in `sequence`; the part
    /// above 16 bits is the ROC (RFC 3711 appendix A). `None` when that would be below zero.
    pub(super) fn estimate(&self, sequence: u16) -> Option<u64> {
        let forward = sequence.wrapping_sub(self.highest as u16);
        if forward < 0x8000 {
            return self.highest.checked_add(u64::from(forward));
        }
        self.highest.checked_sub(0x1_0000 - u64::from(forward))
    }

    pub(super) fn is_fresh(&self, index: u64) -> bool {
        if index > self.highest {
            return true;
        }
        self.highest - index < WINDOW && self.word(index) & bit(index) == 0
    }

    /// Note an authenticated index.
    pub(super) fn accept(&mut self, index: u64) {
        if index > self.highest {
            self.advance(index);
        }
        self.mark(index);
    }

    fn advance(&mut self, index: u64) {
        if index - self.highest >= WINDOW {
            self.seen = [0; WORDS];
        } else {
            for skipped in self.highest + 1..=index {
                self.seen[slot(skipped)] &= !bit(skipped);
            }
        }
        self.highest = index;
    }

    fn mark(&mut self, index: u64) {
        self.seen[slot(index)] |= bit(index);
    }

    fn word(&self, index: u64) -> u64 {
        self.seen[slot(index)]
    }
}

const fn slot(index: u64) -> usize {
    (index % WINDOW / 64) as usize
}

const fn bit(index: u64) -> u64 {
    1 << (index % 64)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::wire::testing::Xorshift;

    #[test]
    fn an_index_is_fresh_once() {
        let mut window = ReplayWindow::starting_at(5_000);
        assert!(!window.is_fresh(5_000));
        assert!(window.is_fresh(4_999) && window.is_fresh(5_001));
        window.accept(4_999);
        window.accept(5_001);
        assert!(!window.is_fresh(4_999) && !window.is_fresh(5_001));
    }

    #[test]
    fn what_fell_out_of_the_window_is_not_fresh() {
        let window = ReplayWindow::starting_at(5_000);
        assert!(window.is_fresh(5_000 - 1_023));
        assert!(!window.is_fresh(5_000 - 1_024));
        assert!(!window.is_fresh(0));
    }

    #[test]
    fn the_window_agrees_with_a_set_of_everything_seen() {
        let mut random = Xorshift::new(5);
        let mut window = ReplayWindow::starting_at(3_000);
        let mut seen = HashSet::from([3_000]);
        let mut highest: u64 = 3_000;
        for _ in 0..50_000 {
            let jump = if random.below(100) == 0 { 3_000 } else { 40 };
            let index = (highest + random.below(jump)).saturating_sub(random.below(1_200));
            let fresh = index > highest || (highest - index < 1_024 && !seen.contains(&index));
            assert_eq!(
                window.is_fresh(index),
                fresh,
                "{index} with highest {highest}"
            );
            if fresh {
                window.accept(index);
                seen.insert(index);
                highest = highest.max(index);
            }
        }
    }

    #[test]
    fn the_index_is_estimated_across_the_wrap_in_both_directions() {
        let window = ReplayWindow::starting_at(0x1_fffe);
        assert_eq!(window.estimate(1), Some(0x2_0001));
        assert_eq!(window.estimate(0xfff0), Some(0x1_fff0));
        let wrapped = ReplayWindow::starting_at(0x2_0001);
        assert_eq!(wrapped.estimate(0xfffe), Some(0x1_fffe));
    }

    #[test]
    fn there_is_no_index_below_zero() {
        assert_eq!(ReplayWindow::starting_at(3).estimate(0xffff), None);
    }
}

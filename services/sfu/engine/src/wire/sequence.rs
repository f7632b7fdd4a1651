//! 16-bit RTP sequence numbers as 64-bit ones that never wrap (RFC 3550 appendix A.1, RFC 1982).

/// Whether `a` comes after `b` on the 16-bit circle.
pub const fn is_newer(a: u16, b: u16) -> bool {
    let distance = a.wrapping_sub(b);
    distance != 0 && distance < 0x8000
}

/// Extends 16-bit numbers relative to the highest one seen.
///
/// The first number gets the cycle count one, so that packets that were sent before it and arrive
/// after it still have a place below it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SequenceUnwrapper {
    highest: Option<u64>,
    /// Cycles before the one below the first number.
    cycles: u64,
}

impl SequenceUnwrapper {
    pub const fn new() -> Self {
        Self {
            highest: None,
            cycles: 0,
        }
    }

    /// The highest extended number so far.
    pub const fn highest(&self) -> Option<u64> {
        self.highest
    }

    /// The next number is the first of another stream, all of whose numbers lie above those so far.
    pub fn start_anew(&mut self) {
        self.cycles = self
            .highest
            .map_or(self.cycles, |highest| (highest >> 16) + 1);
        self.highest = None;
    }

    /// The extended number nearest to the highest one; remembers it when it is higher.
    pub fn unwrap(&mut self, sequence: u16) -> u64 {
        let extended = self.peek(sequence);
        self.highest = Some(
            self.highest
                .map_or(extended, |highest| highest.max(extended)),
        );
        extended
    }

    /// What `unwrap` would answer, without remembering it.
    pub fn peek(&self, sequence: u16) -> u64 {
        let Some(highest) = self.highest else {
            return (self.cycles + 1) << 16 | u64::from(sequence);
        };
        let forward = sequence.wrapping_sub(highest as u16);
        if forward < 0x8000 {
            return highest + u64::from(forward);
        }
        let backward = 0x1_0000 - u64::from(forward);
        // Below zero there is nothing: the only place left is one cycle up.
        highest
            .checked_sub(backward)
            .unwrap_or(highest + u64::from(forward))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::Xorshift;

    #[test]
    fn newer_is_within_half_the_circle_ahead() {
        assert!(is_newer(1, 0));
        assert!(is_newer(0, 0xffff));
        assert!(is_newer(0x7fff, 0));
        assert!(!is_newer(0x8000, 0));
        assert!(!is_newer(0, 0));
        assert!(!is_newer(0xffff, 0));
    }

    #[test]
    fn consecutive_numbers_stay_consecutive_over_three_wraps() {
        let mut unwrapper = SequenceUnwrapper::new();
        let first = unwrapper.unwrap(65_000);
        for step in 1..200_000u64 {
            assert_eq!(unwrapper.unwrap((65_000 + step) as u16), first + step);
        }
        assert_eq!(unwrapper.highest(), Some(first + 199_999));
    }

    #[test]
    fn packets_sent_before_the_first_one_get_lower_numbers() {
        let mut unwrapper = SequenceUnwrapper::new();
        let first = unwrapper.unwrap(3);
        assert_eq!(unwrapper.unwrap(0xfffe), first - 5);
        assert_eq!(unwrapper.highest(), Some(first));
    }

    #[test]
    fn numbers_of_another_stream_lie_above_all_before_even_those_sent_before_its_first() {
        let mut unwrapper = SequenceUnwrapper::new();
        unwrapper.start_anew();
        let before = unwrapper.unwrap(0xffff);
        unwrapper.start_anew();
        let first = unwrapper.unwrap(0);
        assert!(unwrapper.unwrap(0x8001) > before);
        assert_eq!(unwrapper.highest(), Some(first));
    }

    #[test]
    fn nothing_goes_below_zero() {
        let mut unwrapper = SequenceUnwrapper {
            highest: Some(10),
            cycles: 0,
        };
        assert_eq!(unwrapper.peek(0xffff), 0xffff);
        assert_eq!(unwrapper.unwrap(9), 9);
    }

    #[test]
    fn shuffled_arrival_within_half_a_cycle_recovers_every_number() {
        let mut random = Xorshift::new(7);
        let mut unwrapper = SequenceUnwrapper::new();
        let mut truth = 0x1_fff0u64;
        unwrapper.highest = Some(truth);
        for _ in 0..100_000 {
            truth += random.below(30);
            let late = truth.saturating_sub(random.below(20_000));
            unwrapper.unwrap(truth as u16);
            assert_eq!(unwrapper.peek(late as u16), late);
        }
    }
}

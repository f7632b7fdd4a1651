//! The publisher's clock against ours.

/// A difference that no drift explains: a clock was set.
const STEP_NTP: i64 = 1 << 31;
/// Share of a longer delay that is believed per report, so that drift is followed slowly.
const DRIFT_SHIFT: u32 = 6;

/// Our clock minus the publisher's in 32.32 NTP units, as the sender reports of one transport show it.
///
/// One offset for all streams of a publisher, so that audio and video keep their relation when their
/// reports are told in our clock. The smallest difference seen is nearest to the truth, because delay
/// only adds to it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClockOffset(Option<i64>);

impl ClockOffset {
    /// A report that says `theirs` has come at `ours`.
    pub fn observe(&mut self, ours: u64, theirs: u64) {
        let seen = ours.wrapping_sub(theirs) as i64;
        self.0 = Some(match self.0 {
            None => seen,
            Some(offset) => {
                let later = seen.wrapping_sub(offset);
                match later {
                    i64::MIN..0 => seen,
                    0..STEP_NTP => offset.wrapping_add(later >> DRIFT_SHIFT),
                    _ => seen,
                }
            }
        });
    }

    /// Our time when the publisher's clock says `theirs`; `None` before the first report.
    pub fn ours(&self, theirs: u64) -> Option<u64> {
        Some(theirs.wrapping_add_signed(self.0?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1 << 32;
    const MILLISECOND: u64 = SECOND / 1_000;

    #[test]
    fn least_delayed_report_sets_the_offset() {
        let mut offset = ClockOffset::default();
        assert_eq!(offset.ours(5), None);
        offset.observe(100 * SECOND + 40 * MILLISECOND, 10 * SECOND);
        offset.observe(101 * SECOND + 10 * MILLISECOND, 11 * SECOND);
        assert_eq!(
            offset.ours(12 * SECOND),
            Some(102 * SECOND + 10 * MILLISECOND)
        );
    }

    #[test]
    fn late_report_moves_it_little_and_a_clock_that_was_set_moves_it_at_once() {
        let mut offset = ClockOffset::default();
        offset.observe(100 * SECOND, 10 * SECOND);
        offset.observe(101 * SECOND + 64 * MILLISECOND, 11 * SECOND);
        let ours = offset.ours(12 * SECOND).unwrap();
        assert_eq!(ours, 102 * SECOND + MILLISECOND);
        offset.observe(200 * SECOND, 13 * SECOND);
        assert_eq!(offset.ours(13 * SECOND), Some(200 * SECOND));
    }
}

//! How much of a shared thing one client may use.

/// At most `LIMIT` uses in each stretch of `STRETCH_MICROS`.
#[derive(Debug, Default)]
pub struct Allowance<const LIMIT: u32, const STRETCH_MICROS: u64> {
    since_micros: u64,
    used: u32,
}

impl<const LIMIT: u32, const STRETCH_MICROS: u64> Allowance<LIMIT, STRETCH_MICROS> {
    /// Whether one use more is allowed; then it is used.
    pub fn take(&mut self, now_micros: u64) -> bool {
        if now_micros.saturating_sub(self.since_micros) >= STRETCH_MICROS {
            self.since_micros = now_micros;
            self.used = 0;
        }
        let allowed = self.used < LIMIT;
        self.used += u32::from(allowed);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_up_is_there_again_in_the_next_stretch() {
        let mut allowance = Allowance::<2, 100>::default();
        let taken = [1_000, 1_001, 1_099, 1_100].map(|now_micros| allowance.take(now_micros));
        assert_eq!(taken, [true, true, false, true]);
    }
}

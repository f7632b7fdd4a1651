//! Time as the engine's state sees it: a value that is handed in.

const NANOS_PER_SECOND: u64 = 1_000_000_000;
/// Seconds from 1900, where NTP starts, to 1970.
const NTP_UNIX_OFFSET_SECONDS: u64 = 2_208_988_800;

/// One moment on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Monotonic, from an arbitrary start.
    pub micros: u64,
    /// Wall clock since 1970.
    pub wall_nanos: u64,
}

impl Now {
    /// The same moment later.
    pub fn plus_millis(self, millis: u64) -> Self {
        Self {
            micros: self.micros + millis * 1_000,
            wall_nanos: self.wall_nanos + millis * 1_000_000,
        }
    }

    /// The wall clock as a 32.32 NTP timestamp (RFC 3550, 4).
    pub fn ntp(self) -> u64 {
        ntp_of_unix_nanos(self.wall_nanos)
    }

    /// A moment of the wall clock on the monotonic one. The two are compared at one instant, so a step
    /// of the wall clock costs one batch at most; what lies in the future or far back is cut.
    pub fn micros_of_wall(self, wall_nanos: u64) -> u64 {
        let age_micros = self.wall_nanos.saturating_sub(wall_nanos) / 1_000;
        self.micros.saturating_sub(age_micros.min(1_000_000))
    }
}

/// 32.32 NTP timestamp of a wall clock time.
pub fn ntp_of_unix_nanos(unix_nanos: u64) -> u64 {
    let seconds = unix_nanos / NANOS_PER_SECOND + NTP_UNIX_OFFSET_SECONDS;
    let fraction = ((unix_nanos % NANOS_PER_SECOND) << 32) / NANOS_PER_SECOND;
    (seconds << 32) | fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntp_counts_from_1900_in_seconds_and_fractions() {
        assert_eq!(ntp_of_unix_nanos(0), 2_208_988_800 << 32);
        assert_eq!(
            ntp_of_unix_nanos(1_500_000_000),
            (2_208_988_801 << 32) | (1 << 31)
        );
    }

    #[test]
    fn arrival_in_the_future_counts_as_now() {
        let now = Now {
            micros: 5_000_000,
            wall_nanos: 1_000_000_000,
        };
        assert_eq!(now.micros_of_wall(2_000_000_000), 5_000_000);
        assert_eq!(now.micros_of_wall(999_000_000), 4_999_000);
    }
}

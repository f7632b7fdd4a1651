//! NTP timestamps (RFC 3550 section 4).

/// From 1900 to 1970 (RFC 868).
const UNIX_EPOCH_SECONDS: u64 = 2_208_988_800;

/// Microseconds since 1970 as 32.32 fixed-point seconds since 1900; wraps in 2036 as NTP does.
pub fn ntp_from_unix_us(unix_us: u64) -> u64 {
    let seconds = unix_us / 1_000_000 + UNIX_EPOCH_SECONDS;
    let fraction = ((unix_us % 1_000_000) << 32) / 1_000_000;
    seconds << 32 | fraction
}

/// The middle 32 bits, as in LSR: units of 1/65536 s.
pub fn ntp_middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unix_epoch_is_seventy_years_after_ntps() {
        assert_eq!(ntp_from_unix_us(0), 2_208_988_800 << 32);
        assert_eq!(
            ntp_from_unix_us(1_500_000),
            (2_208_988_801 << 32) | 0x8000_0000
        );
    }

    #[test]
    fn middle_bits_are_sixteen_of_seconds_and_sixteen_of_fraction() {
        assert_eq!(ntp_middle(0x1122_3344_5566_7788), 0x3344_5566);
    }
}

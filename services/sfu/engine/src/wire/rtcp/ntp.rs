//! NTP timestamps (RFC 3550 section 4).

/// The middle 32 bits, as in LSR: units of 1/65536 s.
pub fn ntp_middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn middle_bits_are_sixteen_of_seconds_and_sixteen_of_fraction() {
        assert_eq!(ntp_middle(0x1122_3344_5566_7788), 0x3344_5566);
    }
}

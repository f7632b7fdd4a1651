//! Sender information and report blocks (RFC 3550 section 6.4).

use super::ntp::ntp_middle;
use crate::wire::octet::{Writer, read_u24, read_u32, read_u64};

const BLOCK_BYTES: usize = 24;

/// The middle of a sender report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderInfo {
    /// 32.32 seconds since 1900.
    pub ntp: u64,
    pub rtp_timestamp: u32,
    pub packets: u32,
    /// Payload octets, without headers and padding.
    pub octets: u32,
}

impl SenderInfo {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            ntp: read_u64(bytes, 0)?,
            rtp_timestamp: read_u32(bytes, 8)?,
            packets: read_u32(bytes, 12)?,
            octets: read_u32(bytes, 16)?,
        })
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    pub ssrc: u32,
    /// Of the packets expected since the last report, in 1/256.
    pub fraction_lost: u8,
    /// 24 bits, signed: duplicates make it negative.
    pub cumulative_lost: i32,
    pub highest_sequence: u32,
    /// In units of the RTP clock.
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of the last sender report; 0 for none.
    pub last_sr: u32,
    /// Delay since then in 1/65536 s.
    pub delay_since_last_sr: u32,
}

impl ReportBlock {
    /// Round-trip time in microseconds at the arrival of this block; `None` without a last SR or
    /// when it would be negative. `now_ntp` is the NTP time of arrival in 32.32 format.
    pub fn round_trip_us(&self, now_ntp: u64) -> Option<u64> {
        if self.last_sr == 0 {
            return None;
        }
        let units = ntp_middle(now_ntp)
            .wrapping_sub(self.last_sr)
            .wrapping_sub(self.delay_since_last_sr);
        // Half the range is 9 hours: beyond it the difference is a negative one.
        (units < 1 << 31).then_some((u64::from(units) * 1_000_000) >> 16)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let lost = read_u24(bytes, 5)?;
        Some(Self {
            ssrc: read_u32(bytes, 0)?,
            fraction_lost: *bytes.get(4)?,
            // Shifted up and down again to extend the sign of 24 bits.
            cumulative_lost: (lost << 8) as i32 >> 8,
            highest_sequence: read_u32(bytes, 8)?,
            jitter: read_u32(bytes, 12)?,
            last_sr: read_u32(bytes, 16)?,
            delay_since_last_sr: read_u32(bytes, 20)?,
        })
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) -> Option<()> {
        let lost = self.cumulative_lost.clamp(-0x80_0000, 0x7f_ffff);
        writer.put_u32(self.ssrc)?;
        writer.put_u8(self.fraction_lost)?;
        writer.put_u24(lost as u32 & 0xff_ffff)?;
        writer.put_u32(self.highest_sequence)?;
        writer.put_u32(self.jitter)?;
        writer.put_u32(self.last_sr)?;
        writer.put_u32(self.delay_since_last_sr)
    }
}

#[derive(Clone, Debug)]
pub struct ReportBlocks<'a> {
    bytes: &'a [u8],
}

impl<'a> ReportBlocks<'a> {
    /// `None` when fewer than `count` blocks are there.
    pub(super) fn parse(count: u8, bytes: &'a [u8]) -> Option<Self> {
        Some(Self {
            bytes: bytes.get(..BLOCK_BYTES * usize::from(count))?,
        })
    }
}

impl Iterator for ReportBlocks<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        let (block, rest) = self.bytes.split_at_checked(BLOCK_BYTES)?;
        self.bytes = rest;
        ReportBlock::parse(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_is_arrival_minus_last_sr_minus_delay() {
        // The example of RFC 3550 figure 2: 0xb710_8000 - 0x0005_4000 - 0xb705_2000 = 6.125 s.
        let block = ReportBlock {
            last_sr: 0xb705_2000,
            delay_since_last_sr: 0x0005_4000,
            ..ReportBlock::default()
        };
        assert_eq!(block.round_trip_us(0xb710_8000 << 16), Some(6_125_000));
    }

    #[test]
    fn round_trip_is_unknown_without_last_sr_and_when_negative() {
        let now = 0xe8fc_d180_0000_0000;
        assert_eq!(ReportBlock::default().round_trip_us(now), None);
        let future = ReportBlock {
            last_sr: ntp_middle(now) + 10,
            ..ReportBlock::default()
        };
        assert_eq!(future.round_trip_us(now), None);
    }
}

//! How well one inbound stream arrives, for receiver reports (RFC 3550, appendix A).

use crate::wire::rtcp::{ReportBlock, SenderInfo, ntp_middle};

/// The unwrapper's first cycle is number one; RFC 3550 counts wraps.
const FIRST_CYCLE: u64 = 0x1_0000;

/// The publisher's latest sender report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublisherReport {
    /// The publisher's clock, 32.32.
    pub ntp: u64,
    pub rtp_timestamp: u32,
    /// Our clock when it came, 32.32.
    pub arrived_ntp: u64,
}

impl PublisherReport {
    /// What turns timestamps of this report's stream into those of another one, of the same publisher
    /// and rate, for the same moment.
    pub fn bridge(&self, to: &Self, clock_rate: u32) -> u32 {
        let between = ticks(self.ntp.wrapping_sub(to.ntp), clock_rate);
        let there = to.rtp_timestamp.wrapping_add(between);
        there.wrapping_sub(self.rtp_timestamp)
    }
}

/// How far a clock moves in a difference of 32.32 NTP timestamps, a negative one as well.
pub fn ticks(ntp: u64, clock_rate: u32) -> u32 {
    ((i128::from(ntp as i64) * i128::from(clock_rate)) >> 32) as u32
}

#[derive(Debug, Default)]
pub struct Reception {
    first: Option<u64>,
    highest: u64,
    received: u64,
    expected_before: u64,
    received_before: u64,
    /// In sixteenths of a timestamp unit.
    jitter_sixteenths: u64,
    /// Of the packet that came last.
    clock_rate: u32,
    transit: Option<u32>,
    report: Option<PublisherReport>,
    received_at_report: u64,
}

impl Reception {
    /// A packet came by itself; retransmissions do not count (RFC 4588, 4). Answers whether its
    /// timestamp goes on from the one before. That of one that was overtaken, or that comes again, says
    /// nothing about the time that packets take, though RFC 3550, 6.4.1 counts it as jitter.
    pub fn note(
        &mut self,
        extended: u64,
        timestamp: u32,
        arrival_micros: u64,
        clock_rate: u32,
    ) -> bool {
        let is_overtaken = extended < self.highest;
        self.first = Some(self.first.map_or(extended, |first| first.min(extended)));
        self.highest = self.highest.max(extended);
        self.received += 1;
        self.clock_rate = clock_rate;
        if is_overtaken {
            return true;
        }
        let ticks = u128::from(arrival_micros) * u128::from(clock_rate) / 1_000_000;
        let transit = (ticks as u32).wrapping_sub(timestamp);
        let Some(before) = self.transit.replace(transit) else {
            return true;
        };
        let change = u64::from((transit.wrapping_sub(before) as i32).unsigned_abs());
        // A jump of more than ten seconds is a stream that started anew, not jitter.
        let goes_on = change < u64::from(clock_rate) * 10;
        if goes_on {
            let rounded = (self.jitter_sixteenths + 8) >> 4;
            self.jitter_sixteenths = self.jitter_sixteenths + change - rounded;
        }
        goes_on
    }

    pub fn publisher_report(&self) -> Option<&PublisherReport> {
        self.report.as_ref()
    }

    pub fn take_sender_report(&mut self, info: &SenderInfo, now_ntp: u64) {
        self.report = Some(PublisherReport {
            ntp: info.ntp,
            rtp_timestamp: info.rtp_timestamp,
            arrived_ntp: now_ntp,
        });
    }

    /// The next report block; `None` when nothing ever came.
    pub fn block(&mut self, ssrc: u32, now_ntp: u64) -> Option<ReportBlock> {
        let expected = self.highest - self.first? + 1;
        let expected_since = expected.saturating_sub(self.expected_before);
        let received_since = self.received - self.received_before;
        let lost_since = expected_since.saturating_sub(received_since);
        self.expected_before = expected;
        self.received_before = self.received;
        let fraction = (lost_since << 8).checked_div(expected_since).unwrap_or(0);
        let lost = self.lost();
        let (last_sr, delay_since_last_sr) = match &self.report {
            Some(report) => (
                ntp_middle(report.ntp),
                ntp_middle(now_ntp.saturating_sub(report.arrived_ntp)),
            ),
            None => (0, 0),
        };
        Some(ReportBlock {
            ssrc,
            fraction_lost: fraction.min(255) as u8,
            cumulative_lost: lost.clamp(-0x80_0000, 0x7f_ffff) as i32,
            highest_sequence: self.highest.saturating_sub(FIRST_CYCLE) as u32,
            jitter: (self.jitter_sixteenths >> 4) as u32,
            last_sr,
            delay_since_last_sr,
        })
    }

    /// Packets that did not come; fewer than none where some came twice.
    pub fn lost(&self) -> i64 {
        let expected = self.first.map_or(0, |first| self.highest - first + 1);
        expected as i64 - self.received as i64
    }

    /// In microseconds; `None` before two packets came.
    pub fn jitter_micros(&self) -> Option<u64> {
        self.transit.filter(|_| self.received > 1)?;
        (self.jitter_sixteenths * 1_000_000 / 16).checked_div(u64::from(self.clock_rate))
    }

    /// Whether packets came since the last call.
    pub fn is_active(&mut self) -> bool {
        let before = std::mem::replace(&mut self.received_at_report, self.received);
        before != self.received
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: u64 = 0x1_0064;

    fn receive(reception: &mut Reception, numbers: impl IntoIterator<Item = u64>) {
        for number in numbers {
            let offset = number - FIRST;
            let timestamp = (offset * 1_800) as u32;
            reception.note(number, timestamp, 7_000 + offset * 20_000, 90_000);
        }
    }

    #[test]
    fn fraction_is_of_the_interval_and_the_sum_of_everything() {
        let mut reception = Reception::default();
        receive(&mut reception, FIRST..FIRST + 4);
        let block = reception.block(5, 0).unwrap();
        assert_eq!((block.fraction_lost, block.cumulative_lost), (0, 0));
        receive(&mut reception, [FIRST + 4, FIRST + 7]);
        let block = reception.block(5, 0).unwrap();
        assert_eq!((block.fraction_lost, block.cumulative_lost), (128, 2));
        assert_eq!(block.highest_sequence, 0x6b);
        let block = reception.block(5, 0).unwrap();
        assert_eq!((block.fraction_lost, block.cumulative_lost), (0, 2));
    }

    #[test]
    fn even_arrival_has_no_jitter_and_a_late_packet_has() {
        let mut reception = Reception::default();
        receive(&mut reception, FIRST..FIRST + 10);
        assert_eq!(reception.block(5, 0).unwrap().jitter, 0);
        reception.note(FIRST + 10, 18_000, 7_000 + 216_000, 90_000);
        // 16 ms late are 1,440 ticks, a sixteenth of which is taken over.
        assert_eq!(reception.block(5, 0).unwrap().jitter, 90);
    }

    #[test]
    fn delay_since_the_last_report_is_counted_in_our_clock() {
        let mut reception = Reception::default();
        receive(&mut reception, [FIRST]);
        assert_eq!(reception.block(5, 9).unwrap().last_sr, 0);
        let info = SenderInfo {
            ntp: 0x0001_2345_6789_0000,
            ..SenderInfo::default()
        };
        reception.take_sender_report(&info, 10 << 32);
        let block = reception.block(5, (10 << 32) + (1 << 31)).unwrap();
        assert_eq!(block.last_sr, 0x2345_6789);
        assert_eq!(block.delay_since_last_sr, 0x8000);
    }

    #[test]
    fn stream_that_never_came_is_not_reported() {
        assert_eq!(Reception::default().block(5, 0), None);
    }
}

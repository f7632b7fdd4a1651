//! Arrival times until they have been reported.

use super::feedback::{Feedback, MAX_STATUSES, MIN_MESSAGE_BYTES};
use crate::wire::sequence::SequenceUnwrapper;

/// Two thirds of a second at 1,500 packets a second, or 18 Mbit/s; feedback goes out far more often.
const WINDOW: u64 = MAX_STATUSES as u64;
const NOT_RECEIVED: u64 = u64::MAX;

/// Remembers when packets arrived until they have been reported. One per inbound transport.
#[derive(Debug, Default)]
pub struct ArrivalRecorder {
    unwrapper: SequenceUnwrapper,
    /// Arrival of sequence number i, in microseconds, at i mod 1,024. Empty before the first packet:
    /// transports that only send need no window.
    arrivals: Vec<u64>,
    /// The first sequence number to report.
    begin: u64,
    /// One past the highest received.
    end: u64,
    feedback_count: u8,
}

impl ArrivalRecorder {
    pub fn new() -> Self {
        Self::default()
    }

    /// Note the arrival of a packet with this transport-wide sequence number. `arrival_us` is from
    /// any monotonic clock, in microseconds.
    ///
    /// A duplicate keeps the first arrival. A late packet that was reported as missing is reported
    /// again, with all that came after it: the sender takes it as received then.
    pub fn record(&mut self, sequence: u16, arrival_us: u64) {
        let index = self.unwrapper.peek(sequence);
        if self.arrivals.is_empty() {
            self.arrivals.resize(MAX_STATUSES, NOT_RECEIVED);
            (self.begin, self.end) = (index, index);
        }
        if index >= self.end {
            self.unwrapper.unwrap(sequence);
            self.advance(index);
        } else if self.end - index > WINDOW || self.arrival(index).is_some() {
            return;
        }
        self.begin = self.begin.min(index);
        if let Some(place) = self.arrivals.get_mut(slot(index)) {
            *place = arrival_us;
        }
    }

    /// Whether a feedback packet would say anything.
    pub fn has_pending(&self) -> bool {
        self.begin < self.end
    }

    /// Write one feedback packet about what is unreported, at most what fits; call again until it
    /// answers `None`. `media_ssrc` is any SSRC of the transport. Needs a buffer of 320 bytes or more.
    pub fn write_feedback(
        &mut self,
        buffer: &mut [u8],
        sender_ssrc: u32,
        media_ssrc: u32,
    ) -> Option<usize> {
        if !self.has_pending() || buffer.len() < MIN_MESSAGE_BYTES {
            return None;
        }
        let mut feedback = Feedback::new(buffer.len());
        // Missing packets at the start belong to the message: nobody else would report them.
        let next = (self.begin..self.end)
            .find(|index| !feedback.push(self.arrival(*index)))
            .unwrap_or(self.end);
        let base = self.begin as u16;
        let length =
            feedback.write(buffer, (sender_ssrc, media_ssrc), base, self.feedback_count)?;
        self.feedback_count = self.feedback_count.wrapping_add(1);
        self.begin = next;
        Some(length)
    }

    /// Make `index` the highest one; what lies between is missing, what leaves the window is lost.
    fn advance(&mut self, index: u64) {
        if index - self.end >= WINDOW {
            self.arrivals.fill(NOT_RECEIVED);
        } else {
            for skipped in self.end..index {
                if let Some(place) = self.arrivals.get_mut(slot(skipped)) {
                    *place = NOT_RECEIVED;
                }
            }
        }
        self.end = index + 1;
        self.begin = self.begin.max(self.end.saturating_sub(WINDOW));
    }

    fn arrival(&self, index: u64) -> Option<u64> {
        self.arrivals
            .get(slot(index))
            .copied()
            .filter(|arrival| *arrival != NOT_RECEIVED)
    }
}

const fn slot(index: u64) -> usize {
    (index % WINDOW) as usize
}

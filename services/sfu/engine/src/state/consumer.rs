//! A stream that goes out: one encoding of a producer under other names.

use super::extension::ExtensionIds;
use super::segment::{Place, Segment, Segments, Stamp};
use super::sent::SentRing;
use crate::command::{ConsumerConfig, OutboundCodec};
use crate::wire::rtcp::ReportBlock;
use crate::wire::sequence::is_newer;

/// The first number lies below this, so that the receiver cannot guess its rollover count wrongly
/// (RFC 3711, 3.3.1).
const FIRST_SEQUENCE_MASK: u64 = 0x7fff;
/// Timestamps that lie further than this from what the time that has passed lets expect are another
/// clock's.
const MAX_JUMP_SECONDS: i64 = 10;
/// So are those that lie further back than this: retransmission delays the start of a key frame less.
const MAX_LAG_SECONDS: i64 = 1;

/// Losses as reports tell them, in 256ths: from here on repairs go astray often enough to be seen.
const LOSSY: u32 = 5;
/// More than this is a path that is full, to which nothing is to be added.
const FULL: u32 = 51;
/// A report counts for one part in this many.
const LOSS_SCALE: u32 = 4;

/// Whether the stream runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    /// The next packet that can start it will do so.
    Waiting,
    Running,
}

/// What is counted of the stream that goes out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent {
    /// Without retransmissions, as sender reports tell it.
    pub packets: u64,
    pub octets: u64,
    pub retransmitted: u64,
    /// Packets that were sent again, however often.
    pub repaired: u64,
    pub nacks: u64,
}

/// What the client's last report says, and what had been done by then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reported {
    /// Packets that it should have got; 0 before its first report.
    pub expected: u32,
    pub lost: i32,
    pub repaired: u64,
}

pub struct Consumer {
    pub handle: u32,
    pub producer: usize,
    pub transport: usize,
    /// Only the layers of video are told to the owner.
    pub video: bool,
    /// Index of the producer's encoding that it gets, or waits for to begin with.
    layer: usize,
    /// The encoding that it is to get instead from a key frame on, while the one before goes on.
    target: Option<usize>,
    /// The encoding that the owner knows to be forwarded.
    told: Option<usize>,
    pub mid: String,
    pub cname: String,
    pub ssrc: u32,
    pub rtx_ssrc: Option<u32>,
    pub codecs: Vec<OutboundCodec>,
    pub extensions: ExtensionIds,
    pub clock_rate: u32,
    pub counts: Sent,
    pub reported: Reported,
    pub round_trip_micros: Option<u64>,
    /// Losses by its reports, in 256ths, smoothed and times `LOSS_SCALE`.
    loss_scaled: u32,
    pub ring: SentRing,
    paused: bool,
    flow: Flow,
    segments: Segments,
    /// The 16 bits of the first number: a receiver counts its cycles from there.
    first_out: u16,
    next_out: u64,
    next_rtx: u64,
    /// Of the newest packet.
    last: Stamp,
    last_sent_at_micros: u64,
    /// How much later than the publisher's clock says the timestamps of the running stretch are, lest
    /// time turned back when it began.
    ahead: u32,
}

/// A packet that can start a stream.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    pub extended: u64,
    pub stamp: Stamp,
    /// The publisher's SSRC.
    pub source: u32,
    pub clock_rate: u32,
    pub came_at_micros: u64,
    /// What turns its timestamp into one of the encoding that was forwarded last, if that is known.
    pub bridge: Option<u32>,
}

/// Where a consumer stands in the producer's tables.
#[derive(Clone, Copy, Debug)]
pub struct Wiring {
    pub handle: u32,
    pub producer: usize,
    pub transport: usize,
    pub video: bool,
}

impl Consumer {
    /// `next_out` and `next_rtx`: where SSRCs that were used before go on.
    pub fn new(
        wiring: Wiring,
        config: ConsumerConfig,
        next_out: Option<u64>,
        next_rtx: Option<u64>,
    ) -> Self {
        let first = |ssrc: u32| u64::from(ssrc.wrapping_mul(0x9e37_79b1) >> 16);
        let start = |ssrc| first(ssrc) & FIRST_SEQUENCE_MASK;
        let next_out = next_out.unwrap_or_else(|| start(config.ssrc));
        let next_rtx = next_rtx.or(config.rtx_ssrc.map(start)).unwrap_or(0);
        Self {
            handle: wiring.handle,
            producer: wiring.producer,
            transport: wiring.transport,
            video: wiring.video,
            layer: config.layer,
            target: None,
            told: None,
            first_out: next_out as u16,
            next_out,
            next_rtx,
            mid: config.mid,
            cname: config.cname,
            ssrc: config.ssrc,
            rtx_ssrc: config.rtx_ssrc,
            codecs: config.codecs,
            extensions: config.extensions,
            clock_rate: 0,
            counts: Sent::default(),
            reported: Reported::default(),
            round_trip_micros: None,
            loss_scaled: 0,
            ring: SentRing::new(wiring.video),
            paused: config.paused,
            flow: Flow::Waiting,
            segments: Segments::default(),
            last: Stamp::default(),
            last_sent_at_micros: 0,
            ahead: 0,
        }
    }

    pub fn codec(&self, producer_payload_type: u8) -> Option<OutboundCodec> {
        self.codecs
            .iter()
            .find(|codec| codec.producer_payload_type == producer_payload_type)
            .copied()
    }

    /// The encoding that it gets, or waits for.
    pub fn layer(&self) -> usize {
        self.layer
    }

    /// The encoding that it is to get instead.
    pub fn target(&self) -> Option<usize> {
        self.target
    }

    pub fn aim(&mut self, target: Option<usize>) {
        self.target = target;
    }

    /// Gets another encoding from the next packet on that can start it.
    pub fn move_to(&mut self, layer: usize) {
        self.layer = layer;
        self.target = None;
        self.wait();
    }

    /// The encoding that was forwarded last; `None` before anything was.
    pub fn forwarded(&self) -> Option<usize> {
        self.stretch().map(|segment| segment.layer)
    }

    /// The latest stretch.
    pub fn stretch(&self) -> Option<&Segment> {
        self.segments.last()
    }

    /// What the owner does not know to be forwarded yet.
    pub fn untold(&self) -> Option<usize> {
        let forwarded = self.forwarded().filter(|_| self.video);
        forwarded.filter(|_| forwarded != self.told)
    }

    pub fn note_told(&mut self, layer: usize) {
        self.told = Some(layer);
    }

    /// The client reports how the stream arrives.
    pub fn note_report(&mut self, block: &ReportBlock) {
        let fraction = u32::from(block.fraction_lost);
        self.loss_scaled = self.loss_scaled - self.loss_scaled / LOSS_SCALE + fraction;
        let before_first = u32::from(self.first_out).wrapping_sub(1);
        self.reported = Reported {
            expected: block.highest_sequence.wrapping_sub(before_first),
            lost: block.cumulative_lost,
            repaired: self.counts.repaired,
        };
    }

    /// How often to send a packet again that is asked for. A browser that only receives does not know
    /// the round trip and asks again after 100 ms: too late for the picture.
    pub fn copies(&self) -> u32 {
        let is_lossy = (LOSSY..=FULL).contains(&(self.loss_scaled / LOSS_SCALE));
        if is_lossy { 2 } else { 1 }
    }

    pub fn is_paused(&self) -> bool {
        self.paused
    }

    pub fn pause(&mut self) {
        self.paused = true;
        self.flow = Flow::Waiting;
    }

    pub fn resume(&mut self) {
        self.paused = false;
    }

    /// Waits for a packet that can start the stream anew; numbers and time go on without a gap.
    pub fn wait(&mut self) {
        self.flow = Flow::Waiting;
    }

    /// Not paused, but nothing has started it.
    pub fn is_waiting(&self) -> bool {
        !self.paused && self.flow == Flow::Waiting
    }

    pub fn is_running(&self) -> bool {
        !self.paused && self.flow == Flow::Running
    }

    /// Whether what came then is news to the viewer.
    pub fn is_news(&self, came_at_micros: u64) -> bool {
        self.stretch().is_none() || came_at_micros > self.last_sent_at_micros
    }

    /// The stream starts with this packet, or goes on with it: numbers without a gap, time forward.
    pub fn start(&mut self, start: &Start) {
        self.clock_rate = start.clock_rate;
        let shift = if self.segments.last().is_some() {
            let first = Stamp {
                timestamp: self.next_timestamp(start),
                picture_id: self.last.picture_id.wrapping_add(1),
                tl0_index: self.last.tl0_index.wrapping_add(1),
            };
            first.minus(start.stamp)
        } else {
            Stamp::default()
        };
        self.segments.push(Segment {
            layer: self.layer,
            source: start.source,
            first_in: start.extended,
            first_out: self.next_out,
            shift,
            joined: false,
        });
        self.flow = Flow::Running;
    }

    /// By the publisher's clock, if that is known and the stream goes on; else by the time that has
    /// passed. Time goes forward in any case.
    fn next_timestamp(&mut self, start: &Start) -> u32 {
        let rate = i64::from(self.clock_rate);
        let elapsed_micros = start
            .came_at_micros
            .saturating_sub(self.last_sent_at_micros);
        let elapsed_ticks = (u128::from(elapsed_micros) * rate as u128 / 1_000_000) as u32;
        let last = self.last.timestamp;
        let expected = last.wrapping_add(elapsed_ticks.max(1));
        let ahead = std::mem::take(&mut self.ahead);
        let offset = self.timestamp_offset().zip(start.bridge);
        let Some((before, bridge)) = offset else {
            return expected;
        };
        let natural = start.stamp.timestamp.wrapping_add(bridge);
        let natural = natural.wrapping_add(before).wrapping_sub(ahead);
        let error = i64::from(natural.wrapping_sub(expected) as i32).abs();
        let forward = i64::from(natural.wrapping_sub(last) as i32);
        if error > rate * MAX_JUMP_SECONDS || forward < -rate * MAX_LAG_SECONDS {
            return expected;
        }
        self.ahead = (1 - forward).max(0) as u32;
        natural.wrapping_add(self.ahead)
    }

    /// Where a packet of the running stretch goes; `None` for one that is older than its start.
    pub fn place(&self, extended: u64) -> Option<Place> {
        self.segments.place(extended)
    }

    /// A packet of the running stretch has nothing for the viewer, who is to see no gap: it gets no
    /// number, unless later ones are sent already.
    pub fn skip(&mut self, extended: u64) {
        let place = self.place(extended).filter(|_| self.is_running());
        if place.is_some_and(|place| place.out >= self.next_out) {
            self.segments.skip(extended);
        }
    }

    /// A packet has been sent for the first time.
    pub fn note_sent(&mut self, out: u64, stamp: Stamp, octets: usize, now_micros: u64) {
        if out >= self.next_out {
            self.next_out = out + 1;
            self.last = stamp;
            self.last_sent_at_micros = now_micros;
        }
        self.counts.packets += 1;
        self.counts.octets += octets as u64;
    }

    /// The extended number that a 16-bit one of ours means, if we can have sent it.
    pub fn extend(&self, sequence: u16) -> Option<u64> {
        let last = self.next_out.checked_sub(1)?;
        let behind = (last as u16).wrapping_sub(sequence);
        if is_newer(sequence, last as u16) {
            return None;
        }
        last.checked_sub(u64::from(behind))
    }

    /// The stretch in which a number of ours was sent.
    pub fn segment_around(&self, out: u64) -> Option<Segment> {
        self.segments.around(out).copied()
    }

    /// What is added to timestamps in the running stretch.
    pub fn timestamp_offset(&self) -> Option<u32> {
        self.segments.last().map(|segment| segment.shift.timestamp)
    }

    /// The next number of the RTX stream.
    pub fn take_rtx_sequence(&mut self) -> u64 {
        let sequence = self.next_rtx;
        self.next_rtx += 1;
        sequence
    }

    /// Where each of its SSRCs would go on, for the day they are used again.
    pub fn next_numbers(&self) -> impl Iterator<Item = (u32, u64)> {
        let rtx = self.rtx_ssrc.map(|ssrc| (ssrc, self.next_rtx));
        std::iter::once((self.ssrc, self.next_out)).chain(rtx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consumer() -> Consumer {
        let wiring = Wiring {
            handle: 1,
            producer: 0,
            transport: 0,
            video: true,
        };
        let config = ConsumerConfig {
            mid: "0".into(),
            ssrc: 5,
            rtx_ssrc: None,
            codecs: Vec::new(),
            extensions: ExtensionIds::default(),
            cname: "c".into(),
            layer: 0,
            paused: false,
        };
        Consumer::new(wiring, config, Some(100), None)
    }

    const RATE: u32 = 90_000;

    fn stamp(timestamp: u32) -> Stamp {
        Stamp {
            timestamp,
            ..Stamp::default()
        }
    }

    fn start(consumer: &mut Consumer, extended: u64, timestamp: u32, came_at_micros: u64) {
        consumer.start(&Start {
            extended,
            stamp: stamp(timestamp),
            source: 7,
            clock_rate: RATE,
            came_at_micros,
            bridge: Some(0),
        });
    }

    fn send(consumer: &mut Consumer, extended: u64, timestamp: u32, now_micros: u64) -> (u64, u32) {
        let Place { out, shift } = consumer.place(extended).unwrap();
        let sent = stamp(timestamp).plus(shift);
        consumer.note_sent(out, sent, 1_000, now_micros);
        (out, sent.timestamp)
    }

    #[test]
    fn numbers_run_on_over_a_pause_and_keep_their_order_within_a_stretch() {
        let mut consumer = consumer();
        start(&mut consumer, 1_000, 9_000, 0);
        assert_eq!(send(&mut consumer, 1_000, 9_000, 0), (100, 9_000));
        assert_eq!(send(&mut consumer, 1_003, 9_000, 0), (103, 9_000));
        assert_eq!(send(&mut consumer, 1_001, 9_000, 0), (101, 9_000));
        assert_eq!(consumer.place(999), None);
        consumer.pause();
        consumer.resume();
        assert!(consumer.is_waiting());
        start(&mut consumer, 2_000, 99_000, 1_000_000);
        assert_eq!(send(&mut consumer, 2_000, 99_000, 1_000_000), (104, 99_000));
    }

    #[test]
    fn time_never_turns_back_when_the_publisher_starts_anew() {
        let mut consumer = consumer();
        start(&mut consumer, 1_000, 500_000, 0);
        send(&mut consumer, 1_000, 500_000, 0);
        consumer.wait();
        start(&mut consumer, 5_000, 7, 2_000_000);
        let (_, sent) = send(&mut consumer, 5_000, 7, 2_000_000);
        assert_eq!(sent, 500_000 + 180_000);
    }

    #[test]
    fn start_that_came_late_is_a_tick_later_and_the_next_one_is_right_again() {
        let mut consumer = consumer();
        start(&mut consumer, 1_000, 90_000, 0);
        send(&mut consumer, 1_000, 90_000, 0);
        start(&mut consumer, 2_000, 88_000, 10_000);
        assert_eq!(send(&mut consumer, 2_000, 88_000, 10_000), (101, 90_001));
        start(&mut consumer, 3_000, 96_000, 70_000);
        assert_eq!(send(&mut consumer, 3_000, 96_000, 70_000), (102, 96_000));
    }

    #[test]
    fn number_that_is_skipped_leaves_no_gap_unless_later_ones_were_sent() {
        let mut consumer = consumer();
        start(&mut consumer, 10, 0, 0);
        send(&mut consumer, 10, 0, 0);
        consumer.skip(12);
        assert_eq!(send(&mut consumer, 13, 0, 0).0, 102);
        assert_eq!(send(&mut consumer, 11, 0, 0).0, 101);
        send(&mut consumer, 15, 0, 0);
        consumer.skip(14);
        assert_eq!(send(&mut consumer, 16, 0, 0).0, 105);
        consumer.wait();
        consumer.skip(17);
        assert_eq!(consumer.place(18).unwrap().out, 107);
    }

    #[test]
    fn numbers_that_were_sent_lead_back_to_the_publishers_ones() {
        let mut consumer = consumer();
        start(&mut consumer, 1_000, 0, 0);
        send(&mut consumer, 1_000, 0, 0);
        send(&mut consumer, 1_001, 0, 0);
        consumer.wait();
        start(&mut consumer, 3_000, 90_000, 1_000_000);
        send(&mut consumer, 3_000, 90_000, 1_000_000);
        let origin = |sequence| {
            let out = consumer.extend(sequence)?;
            consumer.segment_around(out)?.origin(out)
        };
        assert_eq!(origin(101), Some(1_001));
        assert_eq!(origin(102), Some(3_000));
        assert_eq!(origin(103), None);
        assert_eq!(origin(99), None);
    }
}

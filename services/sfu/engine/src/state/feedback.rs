//! What is due by time: feedback and reports to publishers, sender reports to viewers, consent.

use super::consumer::Consumer;
use super::core::{Core, Io};
use super::counter::Counters;
use super::demand::RECEIVER_SSRC;
use super::layering::tell_activity;
use super::now::Now;
use super::outbox::{DATAGRAM_BYTES, send_rtcp, send_rtcp_to};
use super::reception::ticks;
use super::transport::Transport;
use crate::wire::rtcp::{
    ReportBlock, SenderInfo, write_nack, write_receiver_report, write_sender_report,
};
use crate::wire::srtp::MAX_OVERHEAD_BYTES;

/// How often time is looked at.
const TICK_MICROS: u64 = 10_000;
/// Browsers lower their rate when feedback stays away for long.
const FEEDBACK_MICROS: u64 = 50_000;
const REPORT_MICROS: u64 = 1_000_000;
/// As many as fit a datagram with SRTCP's overhead; RFC 3550 allows 31.
const MAX_BLOCKS: usize = 31;
/// A sender report with its CNAME is begun only if there is this much room left.
const SENDER_REPORT_BYTES: usize = 28 + 4 + 4 + 2 + 255 + 4;

impl Core {
    /// How long nothing is due.
    pub fn wait_micros(&self, now: Now) -> u64 {
        if self.transports.is_empty() && self.untold.is_empty() {
            return u64::MAX;
        }
        self.tick_at_micros.saturating_sub(now.micros)
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Now, io: &mut Io<'_>) {
        if now.micros < self.tick_at_micros {
            return;
        }
        self.tick_at_micros = now.micros + TICK_MICROS;
        self.tell_failures(io);
        for index in 0..self.producers.bound() {
            self.tick_producer(index, now, io);
        }
        for index in 0..self.transports.bound() {
            self.expire_consent(index, now);
            self.announce(index, io);
            self.tell_layers(index, io);
            self.send_feedback(index, now, io);
            self.send_receiver_reports(index, now, io);
            self.send_sender_reports(index, now, io);
        }
    }

    fn tick_producer(&mut self, index: usize, now: Now, io: &mut Io<'_>) {
        let Some(producer) = self.producers.get_mut(index) else {
            return;
        };
        if producer.video {
            tell_activity(producer, now, &self.counters, io);
        }
        for layer in 0..producer.encodings.len() {
            self.send_nacks(index, layer, now, io);
        }
        self.request_key_frames(index, now, io);
    }

    fn send_nacks(&mut self, index: usize, layer: usize, now: Now, io: &mut Io<'_>) -> Option<()> {
        let producer = self.producers.get_mut(index)?;
        let encoding = producer.encodings.get_mut(layer)?;
        if encoding.losses.missing() == 0 {
            return None;
        }
        let transport = self.transports.get_mut(producer.transport)?;
        let media_ssrc = encoding.ssrc?;
        let lost = &mut self.lost;
        lost.clear();
        encoding.losses.due(now.micros / 1_000, lost);
        if !producer.nack {
            // They were only to grow old, else they would add up to a gap that cannot be mended.
            return None;
        }
        let mut rest = lost.as_slice();
        while !rest.is_empty() {
            let mut covered = 0;
            send_rtcp(transport, io.out, &self.counters, |buffer| {
                let written = write_nack(buffer, RECEIVER_SSRC, media_ssrc, rest)?;
                covered = written.covered;
                Some(written.bytes)
            })?;
            encoding.received.nacks += 1;
            self.counters.nacks_out.add(covered as u64);
            rest = rest.get(covered.max(1)..)?;
        }
        Some(())
    }

    fn send_feedback(&mut self, index: usize, now: Now, io: &mut Io<'_>) -> Option<()> {
        let transport = self.transports.get_mut(index)?;
        let age_micros = now.micros.saturating_sub(transport.feedback_at_micros);
        if age_micros < FEEDBACK_MICROS || !transport.arrivals.has_pending() {
            return None;
        }
        let tuple = transport.agent.destination()?;
        let crypto = transport.crypto.as_mut()?;
        transport.feedback_at_micros = now.micros;
        let media_ssrc = transport.last_ssrc;
        let arrivals = &mut transport.arrivals;
        while let Some(length) = send_rtcp_to(&tuple, crypto, io.out, &self.counters, |buffer| {
            arrivals.write_feedback(buffer, RECEIVER_SSRC, media_ssrc)
        }) {
            transport.sent.note(length);
            self.counters.transport_cc_out.one();
        }
        Some(())
    }

    fn send_receiver_reports(&mut self, index: usize, now: Now, io: &mut Io<'_>) -> Option<()> {
        let transport = self.transports.get_mut(index)?;
        let age_micros = now.micros.saturating_sub(transport.report_at_micros);
        if transport.producers.is_empty() || age_micros < REPORT_MICROS || !transport.can_send() {
            return None;
        }
        transport.report_at_micros = now.micros;
        let mut blocks = [ReportBlock::default(); MAX_BLOCKS];
        let mut count = 0;
        for position in 0..transport.producers.len() {
            let producer = self.producers.get_mut(transport.producers[position])?;
            for encoding in &mut producer.encodings {
                let active = encoding.reception.is_active();
                let Some(ssrc) = encoding.ssrc.filter(|_| active) else {
                    continue;
                };
                let Some(block) = encoding.reception.block(ssrc, now.ntp()) else {
                    continue;
                };
                blocks[count] = block;
                count += 1;
                if count == MAX_BLOCKS {
                    send_blocks(transport, &blocks, io, &self.counters);
                    count = 0;
                }
            }
        }
        if count > 0 {
            send_blocks(transport, &blocks[..count], io, &self.counters);
        }
        Some(())
    }

    /// Sender reports of all consumers on a transport, several to a datagram.
    fn send_sender_reports(&mut self, index: usize, now: Now, io: &mut Io<'_>) -> Option<()> {
        let transport = self.transports.get(index)?;
        let age_micros = now.micros.saturating_sub(transport.sender_report_at_micros);
        if transport.consumers.is_empty() || age_micros < REPORT_MICROS || !transport.can_send() {
            return None;
        }
        self.transports.get_mut(index)?.sender_report_at_micros = now.micros;
        let mut position = 0;
        let count = self.transports.get(index)?.consumers.len();
        while position < count {
            position = self.send_some_sender_reports(index, position, now, io)?;
        }
        Some(())
    }

    /// Fills one datagram, from the consumer at `position` on; answers where to go on.
    fn send_some_sender_reports(
        &mut self,
        index: usize,
        position: usize,
        now: Now,
        io: &mut Io<'_>,
    ) -> Option<usize> {
        let mut next = position;
        let mut length = 0;
        let mut scratch = [0_u8; DATAGRAM_BYTES - MAX_OVERHEAD_BYTES];
        let consumers = &self.transports.get(index)?.consumers;
        while let Some(&consumer) = consumers.get(next) {
            if scratch.len() - length < SENDER_REPORT_BYTES {
                break;
            }
            next += 1;
            let Some((info, consumer)) = self.sender_info(consumer, now) else {
                continue;
            };
            let (ssrc, cname) = (consumer.ssrc, consumer.cname.as_str());
            let room = &mut scratch[length..];
            if let Some(written) = write_sender_report(room, ssrc, &info, cname) {
                length += written;
            }
        }
        if length > 0 {
            let transport = self.transports.get_mut(index)?;
            send_rtcp(transport, io.out, &self.counters, |buffer| {
                buffer
                    .get_mut(..length)?
                    .copy_from_slice(&scratch[..length]);
                Some(length)
            });
        }
        Some(next)
    }

    /// The report of a consumer that runs; `None` before the publisher has sent one of its own, since
    /// nothing else relates its timestamps to time.
    fn sender_info(&self, consumer: usize, now: Now) -> Option<(SenderInfo, &Consumer)> {
        let consumer = self.consumers.get(consumer)?;
        let producer = self.producers.get(consumer.producer)?;
        let publisher = self.transports.get(producer.transport)?;
        let encoding = producer.encodings.get(consumer.layer())?;
        let report = encoding.reception.publisher_report()?;
        let offset = consumer
            .timestamp_offset()
            .filter(|_| consumer.is_running())?;
        let sampled_at = publisher.clock_offset.ours(report.ntp)?;
        let elapsed = ticks(now.ntp().wrapping_sub(sampled_at), consumer.clock_rate);
        let info = SenderInfo {
            ntp: now.ntp(),
            rtp_timestamp: report
                .rtp_timestamp
                .wrapping_add(elapsed)
                .wrapping_add(offset),
            packets: consumer.counts.packets as u32,
            octets: consumer.counts.octets as u32,
        };
        Some((info, consumer))
    }
}

fn send_blocks(
    transport: &mut Transport,
    blocks: &[ReportBlock],
    io: &mut Io<'_>,
    counters: &Counters,
) {
    send_rtcp(transport, io.out, counters, |buffer| {
        write_receiver_report(buffer, RECEIVER_SSRC, blocks)
    });
}

//! Control packets that come in.

use super::core::{Core, Io};
use super::forward::refuse;
use super::now::Now;
use crate::wire::rtcp::{Compound, Packet, ReportBlock, SenderInfo};

/// Sequence numbers that one datagram may ask for: as many as are remembered of a consumer.
const MAX_NACKS: usize = 512;

impl Core {
    pub(super) fn handle_rtcp(
        &mut self,
        index: usize,
        bytes: &mut [u8],
        now: Now,
        io: &mut Io<'_>,
    ) -> Option<()> {
        let transport = self.transports.get_mut(index)?;
        let crypto = transport.crypto.as_mut()?;
        let length = match crypto.inbound.unprotect_rtcp(bytes) {
            Ok(length) => length,
            Err(error) => {
                let counters = &self.counters;
                let kinds = (&counters.srtcp_replayed, &counters.srtcp_auth_failed);
                refuse(transport, error, kinds, counters);
                return None;
            }
        };
        self.counters.rtcp_packets_in.one();
        let mut nacks_left = MAX_NACKS;
        for part in Compound::new(&bytes[..length]) {
            self.take_part(index, part, &mut nacks_left, now, io);
        }
        Some(())
    }

    fn take_part(
        &mut self,
        index: usize,
        part: Packet<'_>,
        nacks_left: &mut usize,
        now: Now,
        io: &mut Io<'_>,
    ) {
        let counters = &self.counters;
        match part {
            Packet::SenderReport { ssrc, info, blocks } => {
                counters.sender_reports_in.one();
                self.take_sender_report(index, ssrc, &info, now);
                self.take_blocks(index, blocks, now);
            }
            Packet::ReceiverReport { blocks, .. } => self.take_blocks(index, blocks, now),
            Packet::Nack {
                media_ssrc, lost, ..
            } => {
                let excess = lost.clone().skip(*nacks_left).count();
                counters.nack_excess.add(excess as u64);
                let lost = lost.take(*nacks_left).inspect(|_| *nacks_left -= 1);
                self.retransmit_all(index, media_ssrc, lost, now, io);
            }
            Packet::Pli { media_ssrc, .. } => {
                counters.plis_in.one();
                self.take_key_frame_request(index, media_ssrc, now, io);
            }
            Packet::Fir { entries, .. } => {
                counters.plis_in.one();
                for (media_ssrc, _) in entries {
                    self.take_key_frame_request(index, media_ssrc, now, io);
                }
            }
            Packet::Bye { .. } => counters.byes_in.one(),
            Packet::TransportCc { .. } => counters.transport_cc_in.one(),
            Packet::Remb { .. } => counters.rembs_in.one(),
            Packet::Other { .. } => counters.rtcp_ignored.one(),
        }
    }

    fn take_sender_report(&mut self, index: usize, ssrc: u32, info: &SenderInfo, now: Now) {
        let Some(transport) = self.transports.get_mut(index) else {
            return;
        };
        let role = transport.streams.get(&ssrc).filter(|role| !role.rtx);
        let encoding = role.and_then(|role| {
            let producer = self.producers.get_mut(role.producer)?;
            producer.encodings.get_mut(role.encoding)
        });
        let Some(encoding) = encoding else {
            self.counters.rtcp_ignored.one();
            return;
        };
        transport.clock_offset.observe(now.ntp(), info.ntp);
        encoding.reception.take_sender_report(info, now.ntp());
    }

    fn take_blocks(&mut self, index: usize, blocks: impl Iterator<Item = ReportBlock>, now: Now) {
        let Some(transport) = self.transports.get(index) else {
            return;
        };
        for block in blocks {
            self.counters.receiver_reports_in.one();
            let stream = transport.outgoing.get(&block.ssrc);
            let consumer = stream.filter(|stream| !stream.rtx);
            let consumer = consumer.and_then(|stream| self.consumers.get_mut(stream.consumer));
            let Some(consumer) = consumer else {
                continue;
            };
            consumer.note_report(&block);
            if let Some(micros) = block.round_trip_us(now.ntp()) {
                consumer.round_trip_micros = Some(micros);
            }
        }
    }

    fn take_key_frame_request(&mut self, index: usize, media_ssrc: u32, now: Now, io: &mut Io<'_>) {
        let transport = self.transports.get(index);
        let stream = transport.and_then(|found| found.outgoing.get(&media_ssrc));
        let consumer = stream.and_then(|stream| self.consumers.get(stream.consumer));
        let Some(consumer) = consumer.filter(|consumer| !consumer.is_paused()) else {
            self.counters.rtcp_ignored.one();
            return;
        };
        let (producer, layer) = (consumer.producer, consumer.layer());
        self.ask_key_frame(producer, layer, now, io);
    }

    /// The same on behalf of a viewer, by another way.
    pub(super) fn request_key_frame(
        &mut self,
        handle: u32,
        now: Now,
        io: &mut Io<'_>,
    ) -> Option<()> {
        let consumer = self.consumers.get(self.consumers.index_of(handle)?)?;
        let (producer, layer) = (consumer.producer, consumer.layer());
        if !consumer.is_paused() {
            self.ask_key_frame(producer, layer, now, io);
        }
        Some(())
    }
}

//! The feedback message (section 3.1 of the draft).

use crate::wire::octet::Writer;
use crate::wire::rtcp::{FORMAT_TRANSPORT_CC, TRANSPORT_FEEDBACK, finish_part, write_part_header};

/// Unit of receive deltas.
pub(super) const TICK_US: u64 = 250;
/// Unit of the reference time: 64 ms.
pub(super) const REFERENCE_TICKS: u64 = 256;
/// Statuses that one message may hold; the window of the recorder is no longer.
pub(super) const MAX_STATUSES: usize = 1_024;

const HEAD_BYTES: usize = 20;
const CHUNK_BYTES: usize = 2;
const TWO_BIT_STATUSES: usize = 7;
const ONE_BIT_STATUSES: usize = 14;
/// A message may begin with as many missing packets as the window holds, and must go on to a received
/// one: without any it has no reference time.
pub(super) const MIN_MESSAGE_BYTES: usize = 320;
const _: () = assert!(
    HEAD_BYTES + CHUNK_BYTES * MAX_STATUSES.div_ceil(MIN_CHUNK_STATUSES) + 2 <= MIN_MESSAGE_BYTES
);
/// Every chunk but the last covers at least this many statuses.
const MIN_CHUNK_STATUSES: usize = TWO_BIT_STATUSES;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Status {
    NotReceived = 0,
    SmallDelta = 1,
    LargeDelta = 2,
}

/// Statuses and deltas of one message, gathered before it is written.
pub(super) struct Feedback {
    statuses: [Status; MAX_STATUSES],
    status_count: usize,
    /// In ticks, of the received ones only.
    deltas: [i16; MAX_STATUSES],
    delta_count: usize,
    delta_bytes: usize,
    reference: Option<u64>,
    last_tick: u64,
    room_bytes: usize,
}

impl Feedback {
    /// A message that must fit into `room_bytes`.
    pub(super) fn new(room_bytes: usize) -> Self {
        Self {
            statuses: [Status::NotReceived; MAX_STATUSES],
            status_count: 0,
            deltas: [0; MAX_STATUSES],
            delta_count: 0,
            delta_bytes: 0,
            reference: None,
            last_tick: 0,
            room_bytes,
        }
    }

    /// Add the next sequence number. `false` when it must go into another message: no room, or too
    /// far in time from its predecessor.
    pub(super) fn push(&mut self, arrival_us: Option<u64>) -> bool {
        let Some(arrival_us) = arrival_us else {
            return self.push_status(Status::NotReceived, 0);
        };
        let tick = arrival_us / TICK_US;
        let before = match self.reference {
            Some(_) => self.last_tick,
            None => tick - tick % REFERENCE_TICKS,
        };
        let Ok(delta) = i16::try_from(tick.wrapping_sub(before) as i64) else {
            return false;
        };
        let (status, bytes) = match delta {
            0..=0xff => (Status::SmallDelta, 1),
            _ => (Status::LargeDelta, 2),
        };
        if !self.push_status(status, bytes) {
            return false;
        }
        self.reference.get_or_insert(tick / REFERENCE_TICKS);
        self.last_tick = tick;
        if let Some(place) = self.deltas.get_mut(self.delta_count) {
            *place = delta;
            self.delta_count += 1;
        }
        true
    }

    fn push_status(&mut self, status: Status, delta_bytes: usize) -> bool {
        let chunks = (self.status_count + 1).div_ceil(MIN_CHUNK_STATUSES);
        let bytes = HEAD_BYTES + CHUNK_BYTES * chunks + self.delta_bytes + delta_bytes;
        if bytes.next_multiple_of(4) > self.room_bytes {
            return false;
        }
        let Some(place) = self.statuses.get_mut(self.status_count) else {
            return false;
        };
        *place = status;
        self.status_count += 1;
        self.delta_bytes += delta_bytes;
        true
    }

    /// `None` when nothing was received: such a message has no reference time.
    pub(super) fn write(
        &self,
        buffer: &mut [u8],
        (sender_ssrc, media_ssrc): (u32, u32),
        base_sequence: u16,
        feedback_count: u8,
    ) -> Option<usize> {
        let statuses = self.statuses.get(..self.status_count)?;
        let mut writer = Writer::new(buffer);
        write_part_header(&mut writer, FORMAT_TRANSPORT_CC, TRANSPORT_FEEDBACK)?;
        writer.put_u32(sender_ssrc)?;
        writer.put_u32(media_ssrc)?;
        writer.put_u16(base_sequence)?;
        writer.put_u16(u16::try_from(statuses.len()).ok()?)?;
        writer.put_u24(self.reference? as u32 & 0xff_ffff)?;
        writer.put_u8(feedback_count)?;
        write_chunks(&mut writer, statuses)?;
        for delta in self.deltas.get(..self.delta_count)? {
            match u8::try_from(*delta) {
                Ok(small) => writer.put_u8(small)?,
                Err(_) => writer.put(&delta.to_be_bytes())?,
            }
        }
        writer.pad_to_word()?;
        finish_part(&mut writer, 0)?;
        Some(writer.length())
    }
}

fn write_chunks(writer: &mut Writer<'_>, mut statuses: &[Status]) -> Option<()> {
    while let Some(&first) = statuses.first() {
        let run = statuses
            .iter()
            .take_while(|status| **status == first)
            .count();
        let near = statuses.get(..ONE_BIT_STATUSES).unwrap_or(statuses);
        let one_bit = !near.contains(&Status::LargeDelta);
        let (chunk, covered) = if run > ONE_BIT_STATUSES
            || run == statuses.len()
            || (run >= TWO_BIT_STATUSES && !one_bit)
        {
            (u16::from(first as u8) << 13 | run as u16, run)
        } else if one_bit {
            (vector(near, ONE_BIT_STATUSES, 1) | 0x8000, near.len())
        } else {
            let near = statuses.get(..TWO_BIT_STATUSES).unwrap_or(statuses);
            (vector(near, TWO_BIT_STATUSES, 2) | 0xc000, near.len())
        };
        writer.put_u16(chunk)?;
        statuses = statuses.get(covered..)?;
    }
    Some(())
}

/// Statuses side by side, the first one in the highest bits of the lower 14.
fn vector(statuses: &[Status], places: usize, bits: usize) -> u16 {
    let packed = statuses.iter().fold(0, |packed, status| {
        packed << bits | u16::from(*status as u8)
    });
    packed << (bits * (places - statuses.len()))
}

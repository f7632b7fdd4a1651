//! RTCP packets to send. Each function writes from the start of the buffer and answers the length.

use super::packet::{
    FORMAT_NACK, FORMAT_PLI, PAYLOAD_FEEDBACK, RECEIVER_REPORT, SENDER_REPORT, SOURCE_DESCRIPTION,
    TRANSPORT_FEEDBACK,
};
use super::{ReportBlock, SenderInfo};
use crate::wire::octet::Writer;

const SDES_CNAME: u8 = 1;
/// The count field has five bits.
const MAX_BLOCKS: usize = 31;
const NACK_HEAD_BYTES: usize = 12;

/// SR followed by SDES with CNAME (at most 255 bytes): a complete compound packet.
pub fn write_sender_report(
    buffer: &mut [u8],
    ssrc: u32,
    info: &SenderInfo,
    cname: &str,
) -> Option<usize> {
    let mut writer = Writer::new(buffer);
    write_part_header(&mut writer, 0, SENDER_REPORT)?;
    writer.put_u32(ssrc)?;
    writer.put_u64(info.ntp)?;
    writer.put_u32(info.rtp_timestamp)?;
    writer.put_u32(info.packets)?;
    writer.put_u32(info.octets)?;
    finish_part(&mut writer, 0)?;
    let start = writer.length();
    write_part_header(&mut writer, 1, SOURCE_DESCRIPTION)?;
    writer.put_u32(ssrc)?;
    writer.put_u8(SDES_CNAME)?;
    writer.put_u8(u8::try_from(cname.len()).ok()?)?;
    writer.put(cname.as_bytes())?;
    // A zero byte ends the list of items (RFC 3550 section 6.5), even on a word's border.
    writer.put_u8(0)?;
    writer.pad_to_word()?;
    finish_part(&mut writer, start)?;
    Some(writer.length())
}

/// RR with up to 31 blocks; `None` for more.
pub fn write_receiver_report(
    buffer: &mut [u8],
    ssrc: u32,
    blocks: &[ReportBlock],
) -> Option<usize> {
    if blocks.len() > MAX_BLOCKS {
        return None;
    }
    let mut writer = Writer::new(buffer);
    write_part_header(&mut writer, blocks.len() as u8, RECEIVER_REPORT)?;
    writer.put_u32(ssrc)?;
    for block in blocks {
        block.write(&mut writer)?;
    }
    finish_part(&mut writer, 0)?;
    Some(writer.length())
}

/// PLI: ask for a key frame of `media_ssrc` (RFC 4585 section 6.3.1).
pub fn write_pli(buffer: &mut [u8], sender_ssrc: u32, media_ssrc: u32) -> Option<usize> {
    let mut writer = Writer::new(buffer);
    write_part_header(&mut writer, FORMAT_PLI, PAYLOAD_FEEDBACK)?;
    writer.put_u32(sender_ssrc)?;
    writer.put_u32(media_ssrc)?;
    finish_part(&mut writer, 0)?;
    Some(writer.length())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NackWritten {
    /// Length of the packet.
    pub bytes: usize,
    /// How many of the sequence numbers it names; call again with the rest.
    pub covered: usize,
}

/// NACK for sequence numbers in ascending order (a wrap is fine), as many as fit.
///
/// `None` when the list is empty or not even one fits.
pub fn write_nack(
    buffer: &mut [u8],
    sender_ssrc: u32,
    media_ssrc: u32,
    lost: &[u16],
) -> Option<NackWritten> {
    if lost.is_empty() || buffer.len() < NACK_HEAD_BYTES + 4 {
        return None;
    }
    let mut writer = Writer::new(buffer);
    write_part_header(&mut writer, FORMAT_NACK, TRANSPORT_FEEDBACK)?;
    writer.put_u32(sender_ssrc)?;
    writer.put_u32(media_ssrc)?;
    let mut rest = lost;
    while let Some((&first, others)) = rest.split_first() {
        if writer.remaining() < 4 {
            break;
        }
        let (mask, followers) = following_mask(first, others);
        writer.put_u16(first)?;
        writer.put_u16(mask)?;
        rest = others.get(followers..)?;
    }
    finish_part(&mut writer, 0)?;
    Some(NackWritten {
        bytes: writer.length(),
        covered: lost.len() - rest.len(),
    })
}

/// BLP for the numbers that directly follow `first`, and how many of `others` it covers.
fn following_mask(first: u16, others: &[u16]) -> (u16, usize) {
    let mut mask = 0u16;
    let mut covered = 0;
    for &sequence in others {
        let distance = sequence.wrapping_sub(first);
        if !(1..=16).contains(&distance) {
            break;
        }
        mask |= 1 << (distance - 1);
        covered += 1;
    }
    (mask, covered)
}

/// The first word of a part, its length still 0.
pub(crate) fn write_part_header(writer: &mut Writer<'_>, count: u8, kind: u8) -> Option<()> {
    writer.put_u8(0x80 | count)?;
    writer.put_u8(kind)?;
    writer.put_u16(0)
}

/// Fill in the length of the part that began at `start`: words without the first one.
pub(crate) fn finish_part(writer: &mut Writer<'_>, start: usize) -> Option<()> {
    let words = (writer.length() - start) / 4;
    writer.patch_u16(start + 2, u16::try_from(words.checked_sub(1)?).ok()?)
}

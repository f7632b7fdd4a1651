//! A compound packet, part by part.

use super::{FirEntries, LostSequences, ReportBlocks, SenderInfo};
use crate::wire::octet::{read_u16, read_u32};

pub(super) const SENDER_REPORT: u8 = 200;
pub(super) const RECEIVER_REPORT: u8 = 201;
pub(super) const SOURCE_DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
pub(crate) const TRANSPORT_FEEDBACK: u8 = 205;
pub(super) const PAYLOAD_FEEDBACK: u8 = 206;

pub(super) const FORMAT_NACK: u8 = 1;
pub(super) const FORMAT_PLI: u8 = 1;
const FORMAT_FIR: u8 = 4;
pub(crate) const FORMAT_TRANSPORT_CC: u8 = 15;
const FORMAT_APPLICATION: u8 = 15;

const HEADER_BYTES: usize = 4;
const SENDER_INFO_END: usize = 24;

/// One part of a compound packet.
#[derive(Clone, Debug)]
pub enum Packet<'a> {
    SenderReport {
        ssrc: u32,
        info: SenderInfo,
        blocks: ReportBlocks<'a>,
    },
    ReceiverReport {
        ssrc: u32,
        blocks: ReportBlocks<'a>,
    },
    Bye {
        ssrcs: Ssrcs<'a>,
    },
    Nack {
        sender_ssrc: u32,
        media_ssrc: u32,
        lost: LostSequences<'a>,
    },
    Pli {
        sender_ssrc: u32,
        media_ssrc: u32,
    },
    Fir {
        sender_ssrc: u32,
        entries: FirEntries<'a>,
    },
    TransportCc {
        sender_ssrc: u32,
        media_ssrc: u32,
    },
    Remb {
        sender_ssrc: u32,
    },
    /// SDES, APP, XR and whatever else is well formed.
    Other {
        payload_type: u8,
    },
}

/// SSRCs one after the other.
#[derive(Clone, Debug)]
pub struct Ssrcs<'a> {
    bytes: &'a [u8],
}

impl Iterator for Ssrcs<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let (word, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(u32::from_be_bytes(*word))
    }
}

/// Iterator over the parts of a compound packet (reduced-size ones too, RFC 5506).
///
/// It ends at the first part whose length does not fit; parts that are too short for their type
/// are skipped.
#[derive(Clone, Debug)]
pub struct Compound<'a> {
    rest: &'a [u8],
}

impl<'a> Compound<'a> {
    pub fn new(packet: &'a [u8]) -> Self {
        Self { rest: packet }
    }

    /// (count or format, payload type, body without padding) of the next part.
    fn split_part(&mut self) -> Option<(u8, u8, Option<&'a [u8]>)> {
        let bytes = std::mem::take(&mut self.rest);
        let first = *bytes.first()?;
        if first >> 6 != 2 {
            return None;
        }
        let length = HEADER_BYTES + 4 * usize::from(read_u16(bytes, 2)?);
        let (part, rest) = bytes.split_at_checked(length)?;
        self.rest = rest;
        let body = part.get(HEADER_BYTES..)?;
        let body = if first & 0x20 == 0 {
            Some(body)
        } else {
            without_padding(body)
        };
        Some((first & 0x1f, *part.get(1)?, body))
    }
}

/// The last byte counts the padding, itself included, in whole words (RFC 3550 section 6.4.1).
fn without_padding(body: &[u8]) -> Option<&[u8]> {
    let padding = usize::from(*body.last()?);
    if padding == 0 || padding % 4 != 0 {
        return None;
    }
    body.get(..body.len().checked_sub(padding)?)
}

impl<'a> Iterator for Compound<'a> {
    type Item = Packet<'a>;

    fn next(&mut self) -> Option<Packet<'a>> {
        loop {
            let (count, payload_type, body) = self.split_part()?;
            if let Some(packet) = body.and_then(|body| parse_part(count, payload_type, body)) {
                return Some(packet);
            }
        }
    }
}

fn parse_part(count: u8, payload_type: u8, body: &[u8]) -> Option<Packet<'_>> {
    match payload_type {
        SENDER_REPORT => Some(Packet::SenderReport {
            ssrc: read_u32(body, 0)?,
            info: SenderInfo::parse(body.get(4..SENDER_INFO_END)?)?,
            blocks: ReportBlocks::parse(count, body.get(SENDER_INFO_END..)?)?,
        }),
        RECEIVER_REPORT => Some(Packet::ReceiverReport {
            ssrc: read_u32(body, 0)?,
            blocks: ReportBlocks::parse(count, body.get(4..)?)?,
        }),
        BYE => Some(Packet::Bye {
            ssrcs: Ssrcs {
                bytes: body.get(..4 * usize::from(count))?,
            },
        }),
        TRANSPORT_FEEDBACK | PAYLOAD_FEEDBACK => parse_feedback(count, payload_type, body),
        _ => Some(Packet::Other { payload_type }),
    }
}

/// RFC 4585 section 6.1: SSRC of the sender, SSRC of the media, then what the format says.
fn parse_feedback(format: u8, payload_type: u8, body: &[u8]) -> Option<Packet<'_>> {
    let sender_ssrc = read_u32(body, 0)?;
    let media_ssrc = read_u32(body, 4)?;
    let information = body.get(8..)?;
    Some(match (payload_type, format) {
        (TRANSPORT_FEEDBACK, FORMAT_NACK) => Packet::Nack {
            sender_ssrc,
            media_ssrc,
            lost: LostSequences::new(information),
        },
        (TRANSPORT_FEEDBACK, FORMAT_TRANSPORT_CC) => Packet::TransportCc {
            sender_ssrc,
            media_ssrc,
        },
        (PAYLOAD_FEEDBACK, FORMAT_PLI) => Packet::Pli {
            sender_ssrc,
            media_ssrc,
        },
        (PAYLOAD_FEEDBACK, FORMAT_FIR) => Packet::Fir {
            sender_ssrc,
            entries: FirEntries::new(information),
        },
        (PAYLOAD_FEEDBACK, FORMAT_APPLICATION) if information.starts_with(b"REMB") => {
            Packet::Remb { sender_ssrc }
        }
        _ => Packet::Other { payload_type },
    })
}

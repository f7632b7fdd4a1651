//! RTP packets (RFC 3550) and their header extensions (RFC 8285).

use super::octet::{Writer, read_u16, read_u32};

pub const FIXED_HEADER_BYTES: usize = 12;
/// Profile of an extension block in the one-byte form (RFC 8285 section 4.2).
pub const ONE_BYTE_PROFILE: u16 = 0xbede;
/// Profile of the two-byte form; its lowest four bits belong to the application.
const TWO_BYTE_PROFILE: u16 = 0x1000;

/// Where the parts of a packet are. Offsets are valid only for the packet it was parsed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpHeader {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub csrc_count: u8,
    /// 0 when there is no extension block.
    pub extension_profile: u16,
    pub extension_start: usize,
    pub extension_end: usize,
    pub payload_start: usize,
    /// Padding is behind it.
    pub payload_end: usize,
}

impl RtpHeader {
    /// Parse a decrypted packet; padding is validated. `None` when it is not RTP.
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let header = Self::parse_clear(packet)?;
        let payload_end = packet.len().checked_sub(padding_bytes(packet)?)?;
        if payload_end < header.payload_start {
            return None;
        }
        Some(Self {
            payload_end,
            ..header
        })
    }

    /// Parse the part of a packet that is never encrypted. The payload goes to the end.
    pub fn parse_clear(packet: &[u8]) -> Option<Self> {
        let first = *packet.first()?;
        if first >> 6 != 2 {
            return None;
        }
        let second = *packet.get(1)?;
        let csrc_count = first & 0x0f;
        let after_csrcs = FIXED_HEADER_BYTES + 4 * usize::from(csrc_count);
        let (extension_profile, extension_start, extension_end) = if first & 0x10 == 0 {
            (0, after_csrcs, after_csrcs)
        } else {
            let start = after_csrcs + 4;
            let words = usize::from(read_u16(packet, after_csrcs + 2)?);
            (read_u16(packet, after_csrcs)?, start, start + 4 * words)
        };
        if extension_end > packet.len() {
            return None;
        }
        Some(Self {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence: read_u16(packet, 2)?,
            timestamp: read_u32(packet, 4)?,
            ssrc: read_u32(packet, 8)?,
            csrc_count,
            extension_profile,
            extension_start,
            extension_end,
            payload_start: extension_end,
            payload_end: packet.len(),
        })
    }

    pub fn payload<'a>(&self, packet: &'a [u8]) -> &'a [u8] {
        packet
            .get(self.payload_start..self.payload_end)
            .unwrap_or_default()
    }

    /// The header extension elements; empty for an unknown profile.
    pub fn elements<'a>(&self, packet: &'a [u8]) -> Elements<'a> {
        let two_byte = self.extension_profile & 0xfff0 == TWO_BYTE_PROFILE;
        let known = two_byte || self.extension_profile == ONE_BYTE_PROFILE;
        let range = self.extension_start..self.extension_end;
        let block = if known {
            packet.get(range).unwrap_or_default()
        } else {
            &[]
        };
        Elements { block, two_byte }
    }
}

/// What P and the last byte say; that byte counts itself, so 0 is invalid (RFC 3550 section 5.1).
fn padding_bytes(packet: &[u8]) -> Option<usize> {
    if packet.first()? & 0x20 == 0 {
        return Some(0);
    }
    Some(usize::from(*packet.last()?)).filter(|padding| *padding > 0)
}

/// Iterator over (id, value) of RFC 8285 elements. It ends where the block is malformed.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    block: &'a [u8],
    two_byte: bool,
}

impl<'a> Elements<'a> {
    /// The id, the length of the value, and what follows the element's own header.
    fn split_element_header(&self) -> Option<(u8, usize, &'a [u8])> {
        let (&first, rest) = self.block.split_first()?;
        if self.two_byte {
            let (&length, rest) = rest.split_first()?;
            return Some((first, usize::from(length), rest));
        }
        let id = first >> 4;
        // 15 is reserved and 0 with a length is forbidden: both end the whole block (section 4.2).
        (id != 15 && id != 0).then_some((id, usize::from(first & 0x0f) + 1, rest))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while let Some((0, rest)) = self.block.split_first() {
            self.block = rest;
        }
        let element = self.split_element_header().and_then(|(id, length, rest)| {
            let (value, rest) = rest.split_at_checked(length)?;
            Some((id, value, rest))
        });
        self.block = element.map(|(_, _, rest)| rest).unwrap_or_default();
        element.map(|(id, value, _)| (id, value))
    }
}

/// The fixed header of a packet to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutgoingHeader {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
}

/// Write the fixed header and a one-byte-form extension block (none when `elements` is empty).
///
/// Answers the length written; `None` when the buffer is too small, an id is not 1 to 14 or a value
/// not 1 to 16 bytes.
pub fn write_header(
    buffer: &mut [u8],
    header: &OutgoingHeader,
    elements: &[(u8, &[u8])],
) -> Option<usize> {
    let mut writer = Writer::new(buffer);
    writer.put_u8(if elements.is_empty() { 0x80 } else { 0x90 })?;
    writer.put_u8(u8::from(header.marker) << 7 | header.payload_type & 0x7f)?;
    writer.put_u16(header.sequence)?;
    writer.put_u32(header.timestamp)?;
    writer.put_u32(header.ssrc)?;
    if !elements.is_empty() {
        write_elements(&mut writer, elements)?;
    }
    Some(writer.length())
}

fn write_elements(writer: &mut Writer<'_>, elements: &[(u8, &[u8])]) -> Option<()> {
    writer.put_u16(ONE_BYTE_PROFILE)?;
    writer.put_u16(0)?;
    let start = writer.length();
    for &(id, value) in elements {
        if !(1..=14).contains(&id) || !(1..=16).contains(&value.len()) {
            return None;
        }
        writer.put_u8(id << 4 | (value.len() - 1) as u8)?;
        writer.put(value)?;
    }
    // The fixed header and the block's own are whole words, so the block ends on a word too.
    writer.pad_to_word()?;
    let words = u16::try_from((writer.length() - start) / 4).ok()?;
    writer.patch_u16(start - 2, words)
}

/// `write_header`, then the payload. Answers the length of the packet.
pub fn write_packet(
    buffer: &mut [u8],
    header: &OutgoingHeader,
    elements: &[(u8, &[u8])],
    payload: &[u8],
) -> Option<usize> {
    let start = write_header(buffer, header, elements)?;
    let end = start.checked_add(payload.len())?;
    buffer.get_mut(start..end)?.copy_from_slice(payload);
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::{Xorshift, hex, torment};

    const OUTGOING: OutgoingHeader = OutgoingHeader {
        marker: true,
        payload_type: 101,
        sequence: 0x1234,
        timestamp: 0xdead_beef,
        ssrc: 0x1122_3344,
    };

    fn elements_of(packet: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let header = RtpHeader::parse(packet).unwrap();
        header
            .elements(packet)
            .map(|(id, value)| (id, value.to_vec()))
            .collect()
    }

    #[test]
    fn a_packet_with_csrcs_extension_and_padding_is_taken_apart() {
        let packet = hex("b2 e5 1234 deadbeef 11223344 00000001 00000002
             bede 0001 10 aa 00 00  01020304 000003");
        let header = RtpHeader::parse(&packet).unwrap();
        assert!(header.marker);
        assert_eq!(header.payload_type, 101);
        assert_eq!(header.sequence, 0x1234);
        assert_eq!(header.timestamp, 0xdead_beef);
        assert_eq!(header.ssrc, 0x1122_3344);
        assert_eq!(header.csrc_count, 2);
        assert_eq!(header.payload(&packet), [1, 2, 3, 4]);
        assert_eq!(elements_of(&packet), [(1, vec![0xaa])]);
    }

    #[test]
    fn padding_that_is_zero_or_longer_than_the_payload_is_refused() {
        let head = "a0 60 0001 00000000 00000001";
        assert!(RtpHeader::parse(&hex(&format!("{head} 01020300"))).is_none());
        assert!(RtpHeader::parse(&hex(&format!("{head} 01020305"))).is_none());
        assert!(RtpHeader::parse(&hex(head)).is_none());
        let all = hex(&format!("{head} 00000004"));
        assert_eq!(RtpHeader::parse(&all).unwrap().payload(&all), [] as [u8; 0]);
        let one = hex(&format!("{head} 01"));
        assert_eq!(RtpHeader::parse(&one).unwrap().payload(&one), [] as [u8; 0]);
    }

    #[test]
    fn other_versions_and_overlong_extensions_are_refused() {
        assert!(RtpHeader::parse(&hex("40 60 0001 00000000 00000001")).is_none());
        assert!(
            RtpHeader::parse(&hex("90 60 0001 00000000 00000001 bede 0002 00000000")).is_none()
        );
        assert!(RtpHeader::parse(&hex("90 60 0001 00000000 00000001 bede 00")).is_none());
        assert!(RtpHeader::parse(&hex("8f 60 0001 00000000 00000001 00000000")).is_none());
    }

    #[test]
    fn one_byte_elements_skip_padding_and_stop_at_id_15() {
        let packet = hex("90 60 0001 00000000 00000001 bede 0004
             00 22 010203 00 00 50 ff f0 01 10 02 00 00 00");
        assert_eq!(elements_of(&packet), [(2, vec![1, 2, 3]), (5, vec![0xff])]);
    }

    #[test]
    fn one_byte_id_zero_with_a_length_ends_the_block() {
        let packet = hex("90 60 0001 00000000 00000001 bede 0002 10 01 02 00 00 00 20 07");
        assert_eq!(elements_of(&packet), [(1, vec![1])]);
    }

    #[test]
    fn two_byte_elements_may_be_empty_and_have_high_ids() {
        let packet = hex("90 60 0001 00000000 00000001 1005 0003
             0f 00 00 c8 02 aabb 01 03 010203");
        assert_eq!(
            elements_of(&packet),
            [(15, vec![]), (200, vec![0xaa, 0xbb]), (1, vec![1, 2, 3])]
        );
    }

    #[test]
    fn an_element_that_runs_over_the_block_ends_it() {
        let packet = hex("90 60 0001 00000000 00000001 bede 0001 10 01 2f 00 00000000 00000000");
        assert_eq!(elements_of(&packet), [(1, vec![1])]);
        let packet = hex("90 60 0001 00000000 00000001 1000 0001 01 00 02 07");
        assert_eq!(elements_of(&packet), [(1, vec![])]);
    }

    #[test]
    fn an_unknown_profile_has_no_elements() {
        assert_eq!(
            elements_of(&hex("90 60 0001 00000000 00000001 2000 0001 10 01 00 00")),
            []
        );
    }

    #[test]
    fn what_is_written_parses_back() {
        let mut random = Xorshift::new(3);
        for round in 0..500 {
            let mut values = [[0u8; 16]; 4];
            values.iter_mut().for_each(|value| random.fill(value));
            let count = random.below(5) as usize;
            let elements: Vec<(u8, &[u8])> = values[..count]
                .iter()
                .map(|value| {
                    let length = 1 + random.below(16) as usize;
                    (1 + random.below(14) as u8, &value[..length])
                })
                .collect();
            let mut payload = vec![0; random.below(1200) as usize];
            random.fill(&mut payload);
            let mut buffer = [0xee; 1500];
            let length = write_packet(&mut buffer, &OUTGOING, &elements, &payload).unwrap();
            let packet = &buffer[..length];
            let header = RtpHeader::parse(packet).unwrap();
            let parsed = OutgoingHeader {
                marker: header.marker,
                payload_type: header.payload_type,
                sequence: header.sequence,
                timestamp: header.timestamp,
                ssrc: header.ssrc,
            };
            assert_eq!(parsed, OUTGOING, "round {round}");
            assert_eq!(header.payload(packet), payload);
            assert_eq!(header.elements(packet).collect::<Vec<_>>(), elements);
            assert_eq!(header.payload_start % 4, 0);
        }
    }

    #[test]
    fn writing_needs_room_and_valid_elements() {
        let mut small = [0; 20];
        assert_eq!(write_packet(&mut small, &OUTGOING, &[], &[0; 9]), None);
        assert_eq!(write_packet(&mut small, &OUTGOING, &[], &[0; 8]), Some(20));
        assert_eq!(write_header(&mut small, &OUTGOING, &[(1, &[0; 4])]), None);
        assert_eq!(write_header(&mut small[..11], &OUTGOING, &[]), None);
        let mut buffer = [0; 100];
        assert_eq!(write_header(&mut buffer, &OUTGOING, &[(0, &[1])]), None);
        assert_eq!(write_header(&mut buffer, &OUTGOING, &[(15, &[1])]), None);
        assert_eq!(write_header(&mut buffer, &OUTGOING, &[(1, &[])]), None);
        assert_eq!(write_header(&mut buffer, &OUTGOING, &[(1, &[0; 17])]), None);
    }

    #[test]
    fn hostile_packets_never_panic() {
        for packet in [
            hex(
                "b2 e5 1234 deadbeef 11223344 00000001 00000002 bede 0002 10aa0022 01020300 01020304 000003",
            ),
            hex("90 60 0001 00000000 00000001 1005 0003 0f 00 00 c8 02 aabb 01 03 010203"),
        ] {
            torment(&packet, |bytes| {
                if let Some(header) = RtpHeader::parse(bytes) {
                    assert!(header.payload_start <= header.payload_end);
                    assert!(header.payload_end <= bytes.len());
                    assert!(header.elements(bytes).count() <= bytes.len());
                }
            });
        }
    }
}

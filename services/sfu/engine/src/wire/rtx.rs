//! Retransmission payloads (RFC 4588).

use super::octet::read_u16;
use super::rtp::{OutgoingHeader, write_header};

const ORIGINAL_SEQUENCE_BYTES: usize = 2;

/// (original sequence number, original payload) of an RTX payload.
///
/// `None` when it carries no media: browsers probe for bandwidth with RTX packets that are only
/// padding, with or without an original sequence number before it.
pub fn parse(payload: &[u8]) -> Option<(u16, &[u8])> {
    let original = payload
        .get(ORIGINAL_SEQUENCE_BYTES..)
        .filter(|media| !media.is_empty())?;
    Some((read_u16(payload, 0)?, original))
}

/// Write an RTX packet: header, original sequence number, original payload. Answers its length.
pub fn write_packet(
    buffer: &mut [u8],
    header: &OutgoingHeader,
    elements: &[(u8, &[u8])],
    original_sequence: u16,
    payload: &[u8],
) -> Option<usize> {
    let at = write_header(buffer, header, elements)?;
    let media_at = at + ORIGINAL_SEQUENCE_BYTES;
    let end = media_at.checked_add(payload.len())?;
    buffer
        .get_mut(at..media_at)?
        .copy_from_slice(&original_sequence.to_be_bytes());
    buffer.get_mut(media_at..end)?.copy_from_slice(payload);
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::rtp::RtpHeader;

    #[test]
    fn a_retransmission_parses_back_to_the_original() {
        let header = OutgoingHeader {
            marker: false,
            payload_type: 102,
            sequence: 1,
            timestamp: 2,
            ssrc: 3,
        };
        let mut buffer = [0; 64];
        let length = write_packet(&mut buffer, &header, &[(5, &[0, 9])], 0xabcd, &[7, 8]).unwrap();
        let packet = &buffer[..length];
        let payload = RtpHeader::parse(packet).unwrap().payload(packet);
        assert_eq!(parse(payload), Some((0xabcd, &[7, 8][..])));
        for room in 0..length {
            assert_eq!(
                write_packet(&mut buffer[..room], &header, &[(5, &[0, 9])], 1, &[7, 8]),
                None
            );
        }
    }

    #[test]
    fn a_padding_probe_carries_no_media() {
        assert_eq!(parse(&[]), None);
        assert_eq!(parse(&[1]), None);
        assert_eq!(parse(&[1, 2]), None);
    }
}

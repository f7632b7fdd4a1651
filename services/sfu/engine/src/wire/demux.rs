//! Which protocol a datagram on the shared port belongs to (RFC 7983, RFC 5761).

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
}

/// The protocol of a datagram by its first two bytes, or `None` for anything that is not ours.
pub fn classify(datagram: &[u8]) -> Option<Protocol> {
    let first = *datagram.first()?;
    match first {
        0..=3 => Some(Protocol::Stun),
        20..=63 => Some(Protocol::Dtls),
        128..=191 => match *datagram.get(1)? {
            192..=223 => Some(Protocol::Rtcp),
            _ => Some(Protocol::Rtp),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_byte_ranges_follow_rfc_7983() {
        for first in 0..=255u8 {
            let expected = match first {
                0..=3 => Some(Protocol::Stun),
                20..=63 => Some(Protocol::Dtls),
                128..=191 => Some(Protocol::Rtp),
                _ => None,
            };
            assert_eq!(classify(&[first, 96, 0, 0]), expected, "first byte {first}");
        }
    }

    #[test]
    fn rtcp_packet_types_are_told_from_rtp_with_marker_by_rfc_5761() {
        assert_eq!(classify(&[0x80, 191]), Some(Protocol::Rtp));
        assert_eq!(classify(&[0x80, 192]), Some(Protocol::Rtcp));
        assert_eq!(classify(&[0x80, 223]), Some(Protocol::Rtcp));
        assert_eq!(classify(&[0x80, 224]), Some(Protocol::Rtp));
        assert_eq!(classify(&[0x80, 0x80 | 96]), Some(Protocol::Rtp));
    }

    #[test]
    fn empty_and_one_byte_media_datagrams_are_nobodys() {
        assert_eq!(classify(&[]), None);
        assert_eq!(classify(&[0x80]), None);
    }
}

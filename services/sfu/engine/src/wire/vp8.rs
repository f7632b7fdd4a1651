//! The VP8 payload descriptor (RFC 7741 section 4.2).

/// What stands before the VP8 payload header in every packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// N: may be dropped without harm to later frames.
    pub non_reference: bool,
    /// S: first packet of a partition.
    pub partition_start: bool,
    /// PID.
    pub partition: u8,
    pub picture_id: Option<PictureId>,
    /// TL0PICIDX.
    pub tl0_index: Option<u8>,
    /// TID and Y, present when T is set.
    pub temporal: Option<Temporal>,
    /// KEYIDX, present when K is set.
    pub key_index: Option<u8>,
    /// Bytes of the descriptor; the VP8 payload header follows.
    pub length: usize,
    picture_id_at: usize,
    tl0_index_at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureId {
    pub value: u16,
    /// 15 bits rather than 7.
    pub long: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Temporal {
    pub layer: u8,
    /// Y: depends on the base layer only, so one may switch up here.
    pub layer_sync: bool,
}

/// Reads one byte after the other and knows where it is.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn next(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }
}

impl Descriptor {
    /// `None` when the payload ends inside the descriptor.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let mut cursor = Cursor {
            bytes: payload,
            at: 0,
        };
        let first = cursor.next()?;
        let flags = if first & 0x80 == 0 { 0 } else { cursor.next()? };
        let picture_id_at = cursor.at;
        let picture_id = if flags & 0x80 == 0 {
            None
        } else {
            Some(parse_picture_id(&mut cursor)?)
        };
        let tl0_index_at = cursor.at;
        let tl0_index = if flags & 0x40 == 0 {
            None
        } else {
            Some(cursor.next()?)
        };
        // One byte holds TID, Y and KEYIDX, and is there when either T or K is set.
        let shared = if flags & 0x30 == 0 { 0 } else { cursor.next()? };
        Some(Self {
            non_reference: first & 0x20 != 0,
            partition_start: first & 0x10 != 0,
            partition: first & 0x07,
            picture_id,
            tl0_index,
            temporal: (flags & 0x20 != 0).then_some(Temporal {
                layer: shared >> 6,
                layer_sync: shared & 0x20 != 0,
            }),
            key_index: (flags & 0x10 != 0).then_some(shared & 0x1f),
            length: cursor.at,
            picture_id_at,
            tl0_index_at,
        })
    }

    /// Overwrite picture id (in the width it has) and TL0PICIDX where the descriptor has them.
    /// `payload` must be the one parsed, or a copy of it.
    pub fn rewrite(&self, payload: &mut [u8], picture_id: u16, tl0_index: u8) {
        let [high, low] = picture_id.to_be_bytes();
        match (self.picture_id, payload.get_mut(self.picture_id_at..)) {
            (Some(PictureId { long: true, .. }), Some([first, second, ..])) => {
                *first = 0x80 | high;
                *second = low;
            }
            (Some(PictureId { long: false, .. }), Some([first, ..])) => *first = low & 0x7f,
            _ => {}
        }
        if let (Some(_), Some(byte)) = (self.tl0_index, payload.get_mut(self.tl0_index_at)) {
            *byte = tl0_index;
        }
    }

    /// Whether the payload is the first packet of a key frame.
    pub fn is_key_frame_start(&self, payload: &[u8]) -> bool {
        // P, the lowest bit of the VP8 payload header, is 0 for key frames (section 4.3).
        self.partition_start
            && self.partition == 0
            && payload.get(self.length).is_some_and(|byte| byte & 1 == 0)
    }
}

fn parse_picture_id(cursor: &mut Cursor<'_>) -> Option<PictureId> {
    let first = cursor.next()?;
    if first & 0x80 == 0 {
        return Some(PictureId {
            value: u16::from(first),
            long: false,
        });
    }
    let value = u16::from_be_bytes([first & 0x7f, cursor.next()?]);
    Some(PictureId { value, long: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::torment;

    /// X S, I L T K, 15-bit picture id 0x1234, TL0PICIDX 9, TID 2 with Y and KEYIDX 3; key frame.
    const FULL: [u8; 7] = [0x90, 0xf0, 0x92, 0x34, 9, 0xa3, 0x10];

    #[test]
    fn a_full_descriptor_is_taken_apart() {
        let descriptor = Descriptor::parse(&FULL).unwrap();
        assert!(descriptor.partition_start);
        assert!(!descriptor.non_reference);
        assert_eq!(descriptor.partition, 0);
        assert_eq!(
            descriptor.picture_id,
            Some(PictureId {
                value: 0x1234,
                long: true
            })
        );
        assert_eq!(descriptor.tl0_index, Some(9));
        assert_eq!(
            descriptor.temporal,
            Some(Temporal {
                layer: 2,
                layer_sync: true
            })
        );
        assert_eq!(descriptor.key_index, Some(3));
        assert_eq!(descriptor.length, 6);
        assert!(descriptor.is_key_frame_start(&FULL));
    }

    #[test]
    fn a_one_byte_descriptor_is_enough() {
        let descriptor = Descriptor::parse(&[0x30, 0x01]).unwrap();
        assert!(descriptor.non_reference && descriptor.partition_start);
        assert_eq!((descriptor.picture_id, descriptor.tl0_index), (None, None));
        assert_eq!((descriptor.temporal, descriptor.key_index), (None, None));
        assert_eq!(descriptor.length, 1);
        assert!(!descriptor.is_key_frame_start(&[0x30, 0x01]));
    }

    #[test]
    fn key_index_without_temporal_layer_still_takes_a_byte() {
        let descriptor = Descriptor::parse(&[0x80, 0x10, 0xe5, 0]).unwrap();
        assert_eq!((descriptor.temporal, descriptor.key_index), (None, Some(5)));
        assert_eq!(descriptor.length, 3);
    }

    #[test]
    fn only_the_first_packet_of_the_first_partition_starts_a_key_frame() {
        for (payload, expected) in [
            ([0x10, 0x00], true),
            ([0x10, 0x01], false),
            ([0x00, 0x00], false),
            ([0x11, 0x00], false),
        ] {
            let descriptor = Descriptor::parse(&payload).unwrap();
            assert_eq!(
                descriptor.is_key_frame_start(&payload),
                expected,
                "{payload:?}"
            );
        }
        let descriptor = Descriptor::parse(&[0x10]).unwrap();
        assert!(!descriptor.is_key_frame_start(&[0x10]));
    }

    #[test]
    fn rewriting_keeps_the_width_and_everything_else() {
        let mut long = FULL;
        Descriptor::parse(&FULL)
            .unwrap()
            .rewrite(&mut long, 0xffff, 200);
        assert_eq!(long, [0x90, 0xf0, 0xff, 0xff, 200, 0xa3, 0x10]);
        let parsed = Descriptor::parse(&long).unwrap();
        assert_eq!(
            parsed.picture_id,
            Some(PictureId {
                value: 0x7fff,
                long: true
            })
        );

        let mut short = [0x80, 0xc0, 0x05, 0x06, 0x07];
        Descriptor::parse(&short)
            .unwrap()
            .rewrite(&mut short, 0x1ff, 1);
        assert_eq!(short, [0x80, 0xc0, 0x7f, 1, 0x07]);

        let mut bare = [0x10, 0x20, 0x30];
        Descriptor::parse(&bare).unwrap().rewrite(&mut bare, 1, 1);
        assert_eq!(bare, [0x10, 0x20, 0x30]);
    }

    #[test]
    fn truncation_inside_the_descriptor_is_refused() {
        for length in 0..6 {
            assert_eq!(Descriptor::parse(&FULL[..length]), None, "length {length}");
        }
    }

    #[test]
    fn hostile_payloads_never_panic() {
        torment(&FULL, |bytes| {
            if let Some(descriptor) = Descriptor::parse(bytes) {
                assert!(descriptor.length <= bytes.len());
                descriptor.is_key_frame_start(bytes);
                descriptor.rewrite(&mut bytes.to_vec(), 1, 2);
                descriptor.rewrite(&mut [], 1, 2);
            }
        });
    }
}

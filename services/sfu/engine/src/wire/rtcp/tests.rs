use super::packet::Packet;
use super::*;
use crate::wire::testing::{Xorshift, hex, torment};

fn parts(bytes: &[u8]) -> Vec<Packet<'_>> {
    Compound::new(bytes).collect()
}

/// Visit everything a parser offers, as the engine would.
fn consume(bytes: &[u8]) -> usize {
    Compound::new(bytes)
        .map(|packet| match packet {
            Packet::SenderReport { blocks, .. } | Packet::ReceiverReport { blocks, .. } => {
                blocks.count()
            }
            Packet::Bye { ssrcs } => ssrcs.count(),
            Packet::Nack { lost, .. } => lost.count(),
            Packet::Fir { entries, .. } => entries.count(),
            _ => 1,
        })
        .sum()
}

const BLOCK: ReportBlock = ReportBlock {
    ssrc: 0x0102_0304,
    fraction_lost: 25,
    cumulative_lost: -3,
    highest_sequence: 0x0001_ffff,
    jitter: 77,
    last_sr: 0xb705_2000,
    delay_since_last_sr: 0x0005_4000,
};

#[test]
fn a_sender_report_with_cname_parses_back() {
    let info = SenderInfo {
        ntp: 0x1122_3344_5566_7788,
        rtp_timestamp: 9,
        packets: 10,
        octets: 11,
    };
    for name in ["", "a", "ab", "abc", "abcd", "OYM4qgTd0/a5663w"] {
        let mut buffer = [0xee; 400];
        let length = write_sender_report(&mut buffer, 5, &info, name).unwrap();
        assert_eq!(length % 4, 0);
        let list = parts(&buffer[..length]);
        assert_eq!(list.len(), 2);
        match &list[0] {
            Packet::SenderReport {
                ssrc: 5,
                info: parsed,
                blocks,
            } => {
                assert_eq!(*parsed, info);
                assert_eq!(blocks.clone().count(), 0);
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(list[1], Packet::Other { payload_type: 202 }));
        let item = &buffer[36..];
        assert_eq!((item[0], usize::from(item[1])), (1, name.len()));
        assert_eq!(&item[2..2 + name.len()], name.as_bytes());
        assert_eq!(item[2 + name.len()], 0);
        for room in 0..length {
            assert_eq!(
                write_sender_report(&mut buffer[..room], 5, &info, name),
                None
            );
        }
    }
    let long = "x".repeat(256);
    assert_eq!(write_sender_report(&mut [0; 400], 5, &info, &long), None);
    assert!(write_sender_report(&mut [0; 400], 5, &info, &long[1..]).is_some());
}

#[test]
fn a_receiver_report_parses_back_up_to_31_blocks() {
    let blocks = [BLOCK; 31];
    let mut buffer = [0; 1000];
    let length = write_receiver_report(&mut buffer, 6, &blocks).unwrap();
    match parts(&buffer[..length]).as_slice() {
        [
            Packet::ReceiverReport {
                ssrc: 6,
                blocks: parsed,
            },
        ] => {
            assert_eq!(parsed.clone().collect::<Vec<_>>(), blocks);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(write_receiver_report(&mut buffer, 6, &[BLOCK; 32]), None);
    assert_eq!(write_receiver_report(&mut [0; 31], 6, &[BLOCK]), None);
    assert_eq!(write_receiver_report(&mut [0; 8], 6, &[]), Some(8));
}

#[test]
fn cumulative_loss_is_clamped_to_24_signed_bits() {
    for (lost, expected) in [(0x80_0000, 0x7f_ffff), (-0x80_0001, -0x80_0000), (-1, -1)] {
        let mut buffer = [0; 32];
        let block = ReportBlock {
            cumulative_lost: lost,
            ..BLOCK
        };
        write_receiver_report(&mut buffer, 6, &[block]).unwrap();
        match parts(&buffer).as_slice() {
            [Packet::ReceiverReport { blocks, .. }] => {
                assert_eq!(blocks.clone().next().unwrap().cumulative_lost, expected);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_pli_is_twelve_bytes_of_rfc_4585() {
    let mut buffer = [0; 12];
    assert_eq!(write_pli(&mut buffer, 0x0102_0304, 0x0506_0708), Some(12));
    assert_eq!(buffer.to_vec(), hex("81 ce 0002 01020304 05060708"));
    match parts(&buffer).as_slice() {
        [
            Packet::Pli {
                sender_ssrc: 0x0102_0304,
                media_ssrc: 0x0506_0708,
            },
        ] => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(write_pli(&mut buffer[..11], 1, 2), None);
}

#[test]
fn a_nack_packs_seventeen_numbers_into_a_word() {
    let lost: Vec<u16> = (0..17)
        .map(|offset| 0xfff8u16.wrapping_add(offset))
        .collect();
    let mut buffer = [0; 100];
    let written = write_nack(&mut buffer, 1, 2, &lost).unwrap();
    assert_eq!(
        written,
        NackWritten {
            bytes: 16,
            covered: 17
        }
    );
    assert_eq!(
        buffer[..16].to_vec(),
        hex("81 cd 0003 00000001 00000002 fff8 ffff")
    );
}

#[test]
fn any_ascending_list_of_lost_numbers_survives_packing() {
    let mut random = Xorshift::new(11);
    for _ in 0..300 {
        let mut sequence = random.draw() as u16;
        let lost: Vec<u16> = (0..1 + random.below(200))
            .map(|_| {
                sequence = sequence.wrapping_add(1 + random.below(25) as u16);
                sequence
            })
            .collect();
        let mut named = Vec::new();
        while named.len() < lost.len() {
            let mut buffer = [0; 60];
            let written = write_nack(&mut buffer, 1, 2, &lost[named.len()..]).unwrap();
            assert!(written.covered > 0);
            match parts(&buffer[..written.bytes]).as_slice() {
                [
                    Packet::Nack {
                        sender_ssrc: 1,
                        media_ssrc: 2,
                        lost,
                    },
                ] => {
                    named.extend(lost.clone());
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(named, lost);
    }
    assert_eq!(write_nack(&mut [0; 100], 1, 2, &[]), None);
    assert_eq!(write_nack(&mut [0; 15], 1, 2, &[1]), None);
}

#[test]
fn bye_fir_transport_cc_and_remb_are_recognised() {
    let compound = hex("82 cb 0002 00000001 00000002
         84 ce 0006 00000009 00000000 00000007 05000000 00000008 06000000
         8f cd 0004 00000009 0000000a 0001 0001 000002 03
         8f ce 0005 00000009 00000000 52454d42 01000400 0000000b
         8f ce 0003 00000009 00000000 58585858");
    let list = parts(&compound);
    match list.as_slice() {
        [
            Packet::Bye { ssrcs },
            Packet::Fir {
                sender_ssrc: 9,
                entries,
            },
            Packet::TransportCc {
                sender_ssrc: 9,
                media_ssrc: 10,
            },
            Packet::Remb { sender_ssrc: 9 },
            Packet::Other { payload_type: 206 },
        ] => {
            assert_eq!(ssrcs.clone().collect::<Vec<_>>(), [1, 2]);
            assert_eq!(entries.clone().collect::<Vec<_>>(), [(7, 5), (8, 6)]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_part_too_short_for_its_counts_is_skipped_and_the_next_one_is_read() {
    let compound = hex(
        "82 c9 0001 00000001  9f cb 0001 00000001  81 cd 0001 00000001
         81 c8 0006 00000001 00000000 00000000 00000000 00000000 00000000
         81 ce 0002 00000001 00000002",
    );
    assert!(matches!(parts(&compound).as_slice(), [Packet::Pli { .. }]));
}

#[test]
fn padding_is_cut_off_and_bad_padding_skips_the_part() {
    let padded = hex("a1 cd 0004 00000001 00000002 0005 0000 00000004");
    match parts(&padded).as_slice() {
        [Packet::Nack { lost, .. }] => assert_eq!(lost.clone().collect::<Vec<_>>(), [5]),
        other => panic!("{other:?}"),
    }
    for bad in ["00000000", "00000003", "00000014"] {
        assert!(
            parts(&hex(&format!(
                "a1 cd 0004 00000001 00000002 00050000 {bad}"
            )))
            .is_empty()
        );
    }
    assert!(parts(&hex("a0 c9 0000")).is_empty());
}

#[test]
fn a_length_beyond_the_end_or_another_version_ends_the_walk() {
    let pli = "81 ce 0002 00000001 00000002";
    assert_eq!(
        parts(&hex(&format!("{pli} 81 ce 0003 00000001 00000002"))).len(),
        1
    );
    assert_eq!(
        parts(&hex(&format!("{pli} 41 ce 0002 00000001 00000002 {pli}"))).len(),
        1
    );
    assert_eq!(parts(&hex(&format!("{pli} 81 ce 00"))).len(), 1);
    assert_eq!(parts(&[]).len(), 0);
}

#[test]
fn hostile_compounds_never_panic() {
    let mut buffer = [0; 500];
    let info = SenderInfo::default();
    let mut length = write_sender_report(&mut buffer, 1, &info, "cname").unwrap();
    length += write_receiver_report(&mut buffer[length..], 1, &[BLOCK; 2]).unwrap();
    length += write_nack(&mut buffer[length..], 1, 2, &[1, 3, 5, 100])
        .unwrap()
        .bytes;
    length += write_pli(&mut buffer[length..], 1, 2).unwrap();
    torment(&buffer[..length], |bytes| {
        assert!(consume(bytes) <= 17 * bytes.len())
    });
}

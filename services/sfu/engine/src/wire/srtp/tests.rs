use super::derivation::SessionKeys;
use super::*;
use crate::wire::testing::{Xorshift, hex, torment};

const PROFILES: [Profile; 3] = [
    Profile::AeadAes128Gcm,
    Profile::AeadAes256Gcm,
    Profile::Aes128CmHmacSha1_80,
];

pub(super) const RTCP: &str =
    "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
    deadbeef deadbeef deadbeef deadbeef deadbeef";

pub(super) fn pair(profile: Profile) -> (OutboundContext, InboundContext) {
    let key: Vec<u8> = (0..profile.key_bytes() as u8).collect();
    let salt: Vec<u8> = (100..100 + profile.salt_bytes() as u8).collect();
    (
        OutboundContext::new(profile, &key, &salt).unwrap(),
        InboundContext::new(profile, &key, &salt).unwrap(),
    )
}

pub(super) fn rtp(ssrc: u32, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = hex("90 60");
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 0, 9]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend(hex("bede 0001 10aa0000"));
    packet.extend(payload);
    packet
}

pub(super) fn protect(context: &OutboundContext, plain: &[u8], roc: u32) -> Vec<u8> {
    let mut packet = plain.to_vec();
    packet.resize(plain.len() + MAX_OVERHEAD_BYTES, 0xee);
    let length = context.protect_rtp(&mut packet, plain.len(), roc).unwrap();
    packet.truncate(length);
    packet
}

pub(super) fn protect_rtcp(context: &mut OutboundContext, plain: &[u8]) -> Vec<u8> {
    let mut packet = plain.to_vec();
    packet.resize(plain.len() + MAX_OVERHEAD_BYTES, 0xee);
    let length = context.protect_rtcp(&mut packet, plain.len()).unwrap();
    packet.truncate(length);
    packet
}

pub(super) fn unprotect(context: &mut InboundContext, packet: &[u8]) -> Result<Vec<u8>, SrtpError> {
    let mut packet = packet.to_vec();
    let length = context.unprotect_rtp(&mut packet)?;
    packet.truncate(length);
    Ok(packet)
}

pub(super) fn unprotect_rtcp(
    context: &mut InboundContext,
    packet: &[u8],
) -> Result<Vec<u8>, SrtpError> {
    let mut packet = packet.to_vec();
    let length = context.unprotect_rtcp(&mut packet)?;
    packet.truncate(length);
    Ok(packet)
}

#[test]
fn packets_of_every_size_survive_the_round_trip() {
    let mut random = Xorshift::new(17);
    for profile in PROFILES {
        let (mut outbound, mut inbound) = pair(profile);
        for sequence in 0..300u16 {
            let mut payload = vec![0; usize::from(sequence) * 4];
            random.fill(&mut payload);
            let plain = rtp(1, sequence, &payload);
            let protected = protect(&outbound, &plain, 0);
            assert_eq!(protected.len(), plain.len() + profile.tag_bytes());
            assert_eq!(protected[..20], plain[..20], "the header stays clear");
            if payload.len() > 16 {
                assert_ne!(protected[20..36], plain[20..36]);
            }
            assert_eq!(unprotect(&mut inbound, &protected), Ok(plain));
            let mut report = hex("80c9 0000 00000007");
            report.extend(&payload);
            let protected = protect_rtcp(&mut outbound, &report);
            assert_eq!(unprotect_rtcp(&mut inbound, &protected), Ok(report));
        }
    }
}

#[test]
fn one_changed_bit_anywhere_is_noticed_and_leaves_no_trace() {
    for profile in PROFILES {
        let (mut outbound, mut inbound) = pair(profile);
        let media = protect(&outbound, &rtp(1, 7, &[1, 2, 3, 4, 5]), 0);
        let report = protect_rtcp(&mut outbound, &hex(RTCP));
        for bit in 0..media.len() * 8 {
            let mut forged = media.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            let result = unprotect(&mut inbound, &forged);
            let error = result.expect_err("a forged packet passed");
            assert!(
                matches!(error, SrtpError::Unauthentic | SrtpError::Malformed),
                "{error:?}"
            );
        }
        for bit in 0..report.len() * 8 {
            let mut forged = report.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            let result = unprotect_rtcp(&mut inbound, &forged);
            let error = result.expect_err("a forged report passed");
            assert!(
                matches!(error, SrtpError::Unauthentic | SrtpError::Malformed),
                "{error:?}"
            );
        }
        assert!(unprotect(&mut inbound, &media).is_ok());
        assert!(unprotect_rtcp(&mut inbound, &report).is_ok());
    }
}

#[test]
fn a_replayed_packet_is_refused_and_a_reordered_one_is_not() {
    for profile in PROFILES {
        let (mut outbound, mut inbound) = pair(profile);
        let packets: Vec<_> = (100..120)
            .map(|sequence| protect(&outbound, &rtp(1, sequence, &[9]), 0))
            .collect();
        for packet in packets.iter().rev() {
            assert!(unprotect(&mut inbound, packet).is_ok());
        }
        for packet in &packets {
            assert_eq!(unprotect(&mut inbound, packet), Err(SrtpError::Replayed));
        }
        let first = protect_rtcp(&mut outbound, &hex(RTCP));
        let second = protect_rtcp(&mut outbound, &hex(RTCP));
        assert!(unprotect_rtcp(&mut inbound, &second).is_ok());
        assert!(unprotect_rtcp(&mut inbound, &first).is_ok());
        assert_eq!(
            unprotect_rtcp(&mut inbound, &second),
            Err(SrtpError::Replayed)
        );
    }
}

#[test]
fn the_rollover_counter_follows_the_sender_over_wraps_with_loss_and_reordering() {
    for profile in PROFILES {
        let (outbound, mut inbound) = pair(profile);
        let mut random = Xorshift::new(23);
        let mut index = 60_000u64;
        while index < 4 << 16 {
            let (now, before) = (index, index.saturating_sub(1 + random.below(20)));
            for sent in [now, before] {
                let plain = rtp(1, sent as u16, &[1, 2, 3]);
                let result = unprotect(
                    &mut inbound,
                    &protect(&outbound, &plain, (sent >> 16) as u32),
                );
                assert!(
                    result == Ok(plain) || (sent == before && result.is_err()),
                    "index {sent}"
                );
            }
            index += 21 + random.below(700);
        }
    }
}

#[test]
fn a_packet_from_before_the_first_rollover_count_is_refused() {
    let (outbound, mut inbound) = pair(Profile::AeadAes128Gcm);
    assert!(unprotect(&mut inbound, &protect(&outbound, &rtp(1, 3, &[1]), 0)).is_ok());
    let early = protect(&outbound, &rtp(1, 0xffff, &[1]), 0);
    assert_eq!(unprotect(&mut inbound, &early), Err(SrtpError::Replayed));
}

#[test]
fn ssrcs_are_bounded_and_forgetting_one_makes_room() {
    let (mut outbound, mut inbound) = pair(Profile::AeadAes128Gcm);
    for ssrc in 0..MAX_SSRCS as u32 {
        assert!(unprotect(&mut inbound, &protect(&outbound, &rtp(ssrc, 1, &[1]), 0)).is_ok());
        let report = [0x80, 0xc9, 0, 1]
            .into_iter()
            .chain(ssrc.to_be_bytes())
            .collect::<Vec<_>>();
        assert!(unprotect_rtcp(&mut inbound, &protect_rtcp(&mut outbound, &report)).is_ok());
    }
    let one_more = protect(&outbound, &rtp(1_000, 1, &[1]), 0);
    let report = protect_rtcp(&mut outbound, &hex("80c90001 000003e8"));
    assert_eq!(
        unprotect(&mut inbound, &one_more),
        Err(SrtpError::TooManySsrcs)
    );
    assert_eq!(
        unprotect_rtcp(&mut inbound, &report),
        Err(SrtpError::TooManySsrcs)
    );
    inbound.forget(5);
    assert!(unprotect(&mut inbound, &one_more).is_ok());
    assert!(unprotect_rtcp(&mut inbound, &report).is_ok());
    let known = protect(&outbound, &rtp(127, 2, &[1]), 0);
    assert!(unprotect(&mut inbound, &known).is_ok());
    assert_eq!(unprotect(&mut inbound, &known), Err(SrtpError::Replayed));
}

#[test]
fn keys_of_one_direction_or_one_use_do_not_open_the_other() {
    for profile in PROFILES {
        let (outbound, _) = pair(profile);
        let key = vec![1; profile.key_bytes()];
        let mut stranger =
            InboundContext::new(profile, &key, &key[..profile.salt_bytes()]).unwrap();
        let packet = protect(&outbound, &rtp(1, 1, &[0; 40]), 0);
        assert_eq!(
            unprotect(&mut stranger, &packet),
            Err(SrtpError::Unauthentic)
        );
    }
}

#[test]
fn a_buffer_without_room_for_the_tag_is_refused() {
    for profile in PROFILES {
        let (mut outbound, _) = pair(profile);
        let plain = rtp(1, 1, &[1; 10]);
        let mut packet = plain.clone();
        packet.resize(plain.len() + profile.tag_bytes() - 1, 0);
        let refused = Err(SrtpError::BufferTooSmall);
        assert_eq!(outbound.protect_rtp(&mut packet, plain.len(), 0), refused);
        assert_eq!(outbound.protect_rtp(&mut packet, 1_000, 0), refused);
        assert_eq!(outbound.protect_rtcp(&mut packet, plain.len()), refused);
        assert_eq!(
            outbound.protect_rtp(&mut [0x80; 30], 11, 0),
            Err(SrtpError::Malformed)
        );
        assert_eq!(
            outbound.protect_rtcp(&mut [0x80; 40], 7),
            Err(SrtpError::Malformed)
        );
    }
}

#[test]
fn the_srtcp_index_never_wraps() {
    let keys = SessionKeys {
        cipher_key: vec![0; 16],
        auth_key: [0; 20],
        salt: [0; 14],
    };
    let profile = Profile::Aes128CmHmacSha1_80;
    let mut outbound =
        OutboundContext::from_session_keys(profile, &keys, &keys, (1 << 31) - 1).unwrap();
    assert!(outbound.protect_rtcp(&mut [0x80; 40], 8).is_ok());
    assert_eq!(
        outbound.protect_rtcp(&mut [0x80; 40], 8),
        Err(SrtpError::KeyExhausted)
    );
}

#[test]
fn hostile_packets_never_panic_or_pass() {
    for profile in PROFILES {
        let (mut outbound, mut inbound) = pair(profile);
        let media = protect(&outbound, &rtp(1, 7, &[1; 30]), 0);
        torment(&media, |bytes| {
            assert!(bytes == media || unprotect(&mut inbound, bytes).is_err());
        });
        let report = protect_rtcp(&mut outbound, &hex(RTCP));
        torment(&report, |bytes| {
            assert!(bytes == report || unprotect_rtcp(&mut inbound, bytes).is_err());
        });
    }
}

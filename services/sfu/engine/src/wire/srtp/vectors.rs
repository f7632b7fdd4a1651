//! Published vectors (RFC 7714 sections 16 and 17) and packets that libsrtp made.

use super::derivation::SessionKeys;
use super::tests::{RTCP, pair, protect, protect_rtcp, rtp, unprotect, unprotect_rtcp};
use super::*;
use crate::wire::testing::hex;

/// The session keys of RFC 7714 sections 16 and 17: they are given there, not derived.
fn rfc_7714_contexts(profile: Profile) -> (OutboundContext, InboundContext) {
    let mut salt = [0; 14];
    salt[..12].copy_from_slice(b"Quid pro quo");
    let keys = SessionKeys {
        cipher_key: (0..profile.key_bytes() as u8).collect(),
        auth_key: [0; 20],
        salt,
    };
    (
        OutboundContext::from_session_keys(profile, &keys, &keys, 0x5d4).unwrap(),
        InboundContext::from_session_keys(profile, &keys, &keys).unwrap(),
    )
}

fn assert_rfc_7714_srtp(profile: Profile, protected: &str) {
    let plain = hex(
        "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976
        69736120 696e2070 61727465 73207472 6573",
    );
    let (outbound, mut inbound) = rfc_7714_contexts(profile);
    assert_eq!(protect(&outbound, &plain, 0), hex(protected));
    assert_eq!(unprotect(&mut inbound, &hex(protected)), Ok(plain));
}

fn assert_rfc_7714_srtcp(profile: Profile, protected: &str) {
    let (mut outbound, mut inbound) = rfc_7714_contexts(profile);
    assert_eq!(protect_rtcp(&mut outbound, &hex(RTCP)), hex(protected));
    assert_eq!(unprotect_rtcp(&mut inbound, &hex(protected)), Ok(hex(RTCP)));
}

#[test]
fn rfc_7714_section_16_1_srtp_aead_aes_128_gcm() {
    assert_rfc_7714_srtp(
        Profile::AeadAes128Gcm,
        "8040f17b 8041f8d3 5501a0b2
        f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833
        899d 7f27beb1 6a9152cf 765ee439 0cce",
    );
}

#[test]
fn rfc_7714_section_16_2_srtp_aead_aes_256_gcm() {
    assert_rfc_7714_srtp(
        Profile::AeadAes256Gcm,
        "8040f17b 8041f8d3 5501a0b2
        32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b
        7aa3 db36dfff d6b0f9bb 7878d7a7 6c13",
    );
}

#[test]
fn rfc_7714_section_17_1_srtcp_aead_aes_128_gcm_encrypted() {
    assert_rfc_7714_srtcp(
        Profile::AeadAes128Gcm,
        "81c8000d 4d617273
        63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded
        0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4",
    );
}

/// Packets whose E bit is 0 are authenticated and not encrypted. We never send such.
fn assert_rfc_7714_srtcp_tagged_only(profile: Profile, tag: &str) {
    let protected = hex(&format!("{RTCP} {tag} 000005d4"));
    let (_, mut inbound) = rfc_7714_contexts(profile);
    assert_eq!(unprotect_rtcp(&mut inbound, &protected), Ok(hex(RTCP)));
    let mut forged = protected;
    forged[20] ^= 1;
    let (_, mut inbound) = rfc_7714_contexts(profile);
    assert_eq!(
        unprotect_rtcp(&mut inbound, &forged),
        Err(SrtpError::Unauthentic)
    );
}

#[test]
fn rfc_7714_section_17_2_srtcp_aead_aes_128_gcm_tagged_only() {
    let tag = "841dd968 3dd78ec9 2ae58790 125f62b3";
    assert_rfc_7714_srtcp_tagged_only(Profile::AeadAes128Gcm, tag);
}

#[test]
fn rfc_7714_section_17_3_srtcp_aead_aes_256_gcm_encrypted() {
    assert_rfc_7714_srtcp(
        Profile::AeadAes256Gcm,
        "81c8000d 4d617273
        d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be 8415f658 c61de047
        6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4",
    );
}

#[test]
fn rfc_7714_section_17_4_srtcp_aead_aes_256_gcm_tagged_only() {
    let tag = "91db4afb feee5a97 8fab4393 ed2615fe";
    assert_rfc_7714_srtcp_tagged_only(Profile::AeadAes256Gcm, tag);
}

/// Master key 0, 1, 2 ...; master salt 100, 101, 102 ...; SSRC 1, sequence number 7, ROC 0; made
/// with pylibsrtp 1.0.0. The published vectors leave out the derivation from a 96-bit salt.
fn assert_libsrtp_agrees(profile: Profile, protected_rtp: &str, protected_rtcp: &str) {
    let media = rtp(1, 7, &[1, 2, 3, 4, 5]);
    let (mut outbound, mut inbound) = pair(profile);
    assert_eq!(protect(&outbound, &media, 0), hex(protected_rtp));
    assert_eq!(unprotect(&mut inbound, &hex(protected_rtp)), Ok(media));
    assert_eq!(protect_rtcp(&mut outbound, &hex(RTCP)), hex(protected_rtcp));
    assert_eq!(
        unprotect_rtcp(&mut inbound, &hex(protected_rtcp)),
        Ok(hex(RTCP))
    );
}

#[test]
fn libsrtp_derives_and_protects_the_same_with_aead_aes_128_gcm() {
    assert_libsrtp_agrees(
        Profile::AeadAes128Gcm,
        "90600007 00000009 00000001 bede0001 10aa0000 7ea0a5a7 0d524908 aa2ec639 3b1b67e6
         5a093cf8 d8",
        "81c8000d 4d617273 6d00ce3b 437f4f07 7ac8f0cb f23478c1 a9214cfb 154728c1 8637ad31
         29d8c4a2 7c9bc656 61e29ec5 30bc3c48 c6fa63f0 f1ab57c9 898aee3d 73cf70b8 80000001",
    );
}

#[test]
fn libsrtp_derives_and_protects_the_same_with_aead_aes_256_gcm() {
    assert_libsrtp_agrees(
        Profile::AeadAes256Gcm,
        "90600007 00000009 00000001 bede0001 10aa0000 f9442a9f bc702bb2 07939ab8 269a0fe3
         42159296 58",
        "81c8000d 4d617273 04f3d117 54cdd7fa 9618e2c3 f33ddc0f 9ce33c4f 2ef9d329 8b166bc8
         fa40fb65 bf12629f 0f915720 050ae8ea 6b8c3315 ec442998 338cb623 cbd05fd7 80000001",
    );
}

#[test]
fn libsrtp_derives_and_protects_the_same_with_aes_128_cm_sha1_80() {
    assert_libsrtp_agrees(
        Profile::Aes128CmHmacSha1_80,
        "90600007 00000009 00000001 bede0001 10aa0000 5f6fff32 ac9882ab 43320804 09eea0",
        "81c8000d 4d617273 c52fc2aa 6eeb8ff2 e978ce87 6f9a8ae3 1b05ed3b f91d5566 3cb731b5
         aa2a5116 630de596 8e951e4b ca9fbd8d 80000001 7f2f2c71 32740c3a 4d67",
    );
}

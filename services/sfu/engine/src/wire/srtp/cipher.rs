//! The transforms: AES-CM with HMAC-SHA1-80 (RFC 3711 section 4) and AES-GCM (RFC 7714).
//!
//! All work in place on a packet whose tag has its final position.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{EncryptingKey, EncryptionContext};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;

use super::derivation::{SessionKeys, counter_mode};
use super::packet::{ENCRYPTED_FLAG, INDEX_WORD_BYTES, RTCP_CLEAR_BYTES};
use super::{Profile, SrtpError};

pub(super) const GCM_TAG_BYTES: usize = 16;
pub(super) const HMAC_TAG_BYTES: usize = 10;
const SHA1_BYTES: usize = 20;
const ROC_BYTES: usize = 4;

/// Expanded session keys of one direction of SRTP or SRTCP.
pub(super) enum SessionCipher {
    Gcm(Gcm),
    /// Boxed: its expanded keys take 1,700 bytes, those of the other 40.
    CounterHmac(Box<CounterHmac>),
}

impl SessionCipher {
    pub(super) fn new(profile: Profile, keys: &SessionKeys) -> Result<Self, SrtpError> {
        match profile {
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => Gcm::new(keys).map(Self::Gcm),
            Profile::Aes128CmHmacSha1_80 => {
                CounterHmac::new(keys).map(|suite| Self::CounterHmac(Box::new(suite)))
            }
        }
    }
}

/// AES-GCM with a 16-byte tag.
pub(super) struct Gcm {
    key: LessSafeKey,
    salt: [u8; 12],
}

impl Gcm {
    fn new(keys: &SessionKeys) -> Result<Self, SrtpError> {
        let algorithm = if keys.cipher_key.len() == 32 {
            &AES_256_GCM
        } else {
            &AES_128_GCM
        };
        let key = UnboundKey::new(algorithm, &keys.cipher_key).map_err(|_| SrtpError::BadKey)?;
        let salt = keys.salt.first_chunk().ok_or(SrtpError::BadKey)?;
        Ok(Self {
            key: LessSafeKey::new(key),
            salt: *salt,
        })
    }

    /// `packet` ends in room for the tag.
    pub(super) fn seal_rtp(
        &self,
        packet: &mut [u8],
        header_bytes: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<(), SrtpError> {
        let (header, payload, tag) = split(packet, header_bytes, GCM_TAG_BYTES)?;
        self.seal(self.nonce(ssrc, index), header, payload, tag)
    }

    pub(super) fn open_rtp(
        &self,
        packet: &mut [u8],
        header_bytes: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<(), SrtpError> {
        let (header, payload, tag) = split(packet, header_bytes, GCM_TAG_BYTES)?;
        self.open(self.nonce(ssrc, index), header, payload, tag)
    }

    /// `packet` ends in room for the tag and the index word, in this order (section 9.2).
    pub(super) fn seal_rtcp(
        &self,
        packet: &mut [u8],
        ssrc: u32,
        index: u32,
    ) -> Result<(), SrtpError> {
        let (packet, word) = split_index_word(packet)?;
        *word = (ENCRYPTED_FLAG | index).to_be_bytes();
        let (header, payload, tag) = split(packet, RTCP_CLEAR_BYTES, GCM_TAG_BYTES)?;
        self.seal(
            self.nonce(ssrc, u64::from(index)),
            &rtcp_aad(header, word)?,
            payload,
            tag,
        )
    }

    pub(super) fn open_rtcp(&self, packet: &mut [u8], ssrc: u32) -> Result<(), SrtpError> {
        let (packet, word) = split_index_word(packet)?;
        let index_word = u32::from_be_bytes(*word);
        let nonce = self.nonce(ssrc, u64::from(index_word & !ENCRYPTED_FLAG));
        if index_word & ENCRYPTED_FLAG != 0 {
            let (header, payload, tag) = split(packet, RTCP_CLEAR_BYTES, GCM_TAG_BYTES)?;
            return self.open(nonce, &rtcp_aad(header, word)?, payload, tag);
        }
        // Without encryption packet and index word are both associated data; the tag lies between
        // them, so it steps aside for the word.
        let plain_length = packet
            .len()
            .checked_sub(GCM_TAG_BYTES)
            .ok_or(SrtpError::Malformed)?;
        let (_, tag) = packet
            .split_last_chunk::<GCM_TAG_BYTES>()
            .ok_or(SrtpError::Malformed)?;
        let tag = *tag;
        let associated_length = plain_length + INDEX_WORD_BYTES;
        packet[plain_length..associated_length].copy_from_slice(word);
        self.open(nonce, &packet[..associated_length], &mut [], &tag)
    }

    fn seal(
        &self,
        nonce: Nonce,
        associated: &[u8],
        payload: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), SrtpError> {
        let made = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(associated), payload)
            .map_err(|_| SrtpError::Malformed)?;
        tag.copy_from_slice(made.as_ref());
        Ok(())
    }

    fn open(
        &self,
        nonce: Nonce,
        associated: &[u8],
        payload: &mut [u8],
        tag: &[u8],
    ) -> Result<(), SrtpError> {
        self.key
            .open_in_place_separate_tag(nonce, Aad::from(associated), tag, payload)
            .map(|_| ())
            .map_err(|_| SrtpError::Unauthentic)
    }

    /// Two zero bytes, SSRC and 48 bits of index, XORed with the salt. The index is ROC and sequence
    /// number for SRTP (section 8.1), two zero bytes and the SRTCP index for SRTCP (section 9.1).
    fn nonce(&self, ssrc: u32, index: u64) -> Nonce {
        let value = u128::from(ssrc) << 48 | u128::from(index & 0xffff_ffff_ffff);
        let mut nonce = self.salt;
        for (byte, mask) in nonce.iter_mut().zip(&value.to_be_bytes()[4..]) {
            *byte ^= mask;
        }
        Nonce::assume_unique_for_key(nonce)
    }
}

/// The clear header and the index word (RFC 7714 section 9.2).
fn rtcp_aad(
    header: &[u8],
    word: &[u8; INDEX_WORD_BYTES],
) -> Result<[u8; RTCP_CLEAR_BYTES + INDEX_WORD_BYTES], SrtpError> {
    let mut associated = [0; RTCP_CLEAR_BYTES + INDEX_WORD_BYTES];
    let (head, tail) = associated.split_at_mut(RTCP_CLEAR_BYTES);
    head.copy_from_slice(
        header
            .first_chunk::<RTCP_CLEAR_BYTES>()
            .ok_or(SrtpError::Malformed)?,
    );
    tail.copy_from_slice(word);
    Ok(associated)
}

/// AES-CM with HMAC-SHA1 cut to 80 bits.
pub(super) struct CounterHmac {
    cipher: EncryptingKey,
    auth: hmac::Key,
    salt: [u8; 14],
}

impl CounterHmac {
    fn new(keys: &SessionKeys) -> Result<Self, SrtpError> {
        Ok(Self {
            cipher: counter_mode(&keys.cipher_key)?,
            auth: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &keys.auth_key),
            salt: keys.salt,
        })
    }

    /// `packet` ends in room for the tag.
    pub(super) fn seal_rtp(
        &self,
        packet: &mut [u8],
        header_bytes: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<(), SrtpError> {
        let (_, payload, _) = split(packet, header_bytes, HMAC_TAG_BYTES)?;
        self.apply_keystream(payload, ssrc, index)?;
        let tag = self.rtp_tag(packet, index)?;
        write_tag(packet, &tag)
    }

    pub(super) fn open_rtp(
        &self,
        packet: &mut [u8],
        header_bytes: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<(), SrtpError> {
        let claimed = *packet
            .last_chunk::<HMAC_TAG_BYTES>()
            .ok_or(SrtpError::Malformed)?;
        let tag = self.rtp_tag(packet, index)?;
        verify_slices_are_equal(&tag, &claimed).map_err(|_| SrtpError::Unauthentic)?;
        let (_, payload, _) = split(packet, header_bytes, HMAC_TAG_BYTES)?;
        self.apply_keystream(payload, ssrc, index)
    }

    /// `packet` ends in room for the index word and the tag, in this order.
    pub(super) fn seal_rtcp(
        &self,
        packet: &mut [u8],
        ssrc: u32,
        index: u32,
    ) -> Result<(), SrtpError> {
        let (rest, _) = packet
            .split_last_chunk_mut::<HMAC_TAG_BYTES>()
            .ok_or(SrtpError::Malformed)?;
        let (plain, word) = split_index_word(rest)?;
        *word = (ENCRYPTED_FLAG | index).to_be_bytes();
        let payload = plain
            .get_mut(RTCP_CLEAR_BYTES..)
            .ok_or(SrtpError::Malformed)?;
        self.apply_keystream(payload, ssrc, u64::from(index))?;
        let tag = self.sign(rest)?;
        write_tag(packet, &tag)
    }

    pub(super) fn open_rtcp(&self, packet: &mut [u8], ssrc: u32) -> Result<(), SrtpError> {
        let (rest, claimed) = packet
            .split_last_chunk_mut::<HMAC_TAG_BYTES>()
            .ok_or(SrtpError::Malformed)?;
        verify_slices_are_equal(&self.sign(rest)?, claimed).map_err(|_| SrtpError::Unauthentic)?;
        let (plain, word) = split_index_word(rest)?;
        let index_word = u32::from_be_bytes(*word);
        if index_word & ENCRYPTED_FLAG == 0 {
            return Ok(());
        }
        let payload = plain
            .get_mut(RTCP_CLEAR_BYTES..)
            .ok_or(SrtpError::Malformed)?;
        self.apply_keystream(payload, ssrc, u64::from(index_word & !ENCRYPTED_FLAG))
    }

    /// The tag covers the packet and then the ROC, which is not sent. Writing the ROC where the tag
    /// will be spares the copy or the second pass. Whatever was in that place is lost.
    fn rtp_tag(&self, packet: &mut [u8], index: u64) -> Result<[u8; HMAC_TAG_BYTES], SrtpError> {
        let plain_length = packet
            .len()
            .checked_sub(HMAC_TAG_BYTES)
            .ok_or(SrtpError::Malformed)?;
        let roc = ((index >> 16) as u32).to_be_bytes();
        let signed_length = plain_length + ROC_BYTES;
        packet[plain_length..signed_length].copy_from_slice(&roc);
        self.sign(&packet[..signed_length])
    }

    fn sign(&self, bytes: &[u8]) -> Result<[u8; HMAC_TAG_BYTES], SrtpError> {
        let mut digest = [0; SHA1_BYTES];
        hmac::sign_to_buffer(&self.auth, bytes, &mut digest).map_err(|_| SrtpError::BadKey)?;
        digest.first_chunk().copied().ok_or(SrtpError::BadKey)
    }

    /// XOR with the keystream that starts at (salt ^ SSRC ^ index) * 2^16 (section 4.1.1).
    fn apply_keystream(&self, payload: &mut [u8], ssrc: u32, index: u64) -> Result<(), SrtpError> {
        let value = u128::from(ssrc) << 64 | u128::from(index & 0xffff_ffff_ffff) << 16;
        let mut counter = value.to_be_bytes();
        for (byte, mask) in counter.iter_mut().zip(&self.salt) {
            *byte ^= mask;
        }
        self.cipher
            .less_safe_encrypt(
                payload,
                EncryptionContext::Iv128(FixedLength::from(counter)),
            )
            .map(|_| ())
            .map_err(|_| SrtpError::BadKey)
    }
}

fn write_tag(packet: &mut [u8], tag: &[u8; HMAC_TAG_BYTES]) -> Result<(), SrtpError> {
    *packet.last_chunk_mut().ok_or(SrtpError::Malformed)? = *tag;
    Ok(())
}

type Parts<'a> = (&'a [u8], &'a mut [u8], &'a mut [u8]);

/// Clear header, payload and tag.
fn split(packet: &mut [u8], header_bytes: usize, tag_bytes: usize) -> Result<Parts<'_>, SrtpError> {
    let tag_at = packet
        .len()
        .checked_sub(tag_bytes)
        .ok_or(SrtpError::Malformed)?;
    let (rest, tag) = packet.split_at_mut(tag_at);
    let (header, payload) = rest
        .split_at_mut_checked(header_bytes)
        .ok_or(SrtpError::Malformed)?;
    Ok((header, payload, tag))
}

type WithIndexWord<'a> = (&'a mut [u8], &'a mut [u8; INDEX_WORD_BYTES]);

fn split_index_word(packet: &mut [u8]) -> Result<WithIndexWord<'_>, SrtpError> {
    packet.split_last_chunk_mut().ok_or(SrtpError::Malformed)
}

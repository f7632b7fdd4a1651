//! Session keys from master keys (RFC 3711 section 4.3, RFC 6188 for AES-256).

use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;

use super::{Profile, SrtpError};

const AUTH_KEY_BYTES: usize = 20;
/// Where the label lies in the 112-bit value that is XORed with the salt: above 48 bits of index.
const LABEL_AT: usize = 7;

/// The three keys of one direction of SRTP or SRTCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SessionKeys {
    pub(super) cipher_key: Vec<u8>,
    /// For HMAC-SHA1; the AEAD profiles do not use it.
    pub(super) auth_key: [u8; AUTH_KEY_BYTES],
    /// 12 or 14 bytes, and zeros.
    pub(super) salt: [u8; 14],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    Rtp,
    Rtcp,
}

impl SessionKeys {
    pub(super) fn derive(
        profile: Profile,
        usage: Usage,
        master_key: &[u8],
        master_salt: &[u8],
    ) -> Result<Self, SrtpError> {
        if master_key.len() != profile.key_bytes() || master_salt.len() != profile.salt_bytes() {
            return Err(SrtpError::BadKey);
        }
        let first_label = match usage {
            Usage::Rtp => 0,
            Usage::Rtcp => 3,
        };
        // A 96-bit salt is extended with zeros at its end (RFC 7714 section 11).
        let mut padded_salt = [0; 14];
        padded_salt[..master_salt.len()].copy_from_slice(master_salt);
        let mut keys = Self {
            cipher_key: vec![0; profile.key_bytes()],
            auth_key: [0; AUTH_KEY_BYTES],
            salt: [0; 14],
        };
        fill(master_key, &padded_salt, first_label, &mut keys.cipher_key)?;
        fill(
            master_key,
            &padded_salt,
            first_label + 1,
            &mut keys.auth_key,
        )?;
        let salt = &mut keys.salt[..profile.salt_bytes()];
        fill(master_key, &padded_salt, first_label + 2, salt)?;
        Ok(keys)
    }
}

/// The AES-CM pseudo-random function with a key derivation rate of zero. `out` must hold zeros.
fn fill(key: &[u8], salt: &[u8; 14], label: u8, out: &mut [u8]) -> Result<(), SrtpError> {
    let mut counter = [0; 16];
    counter[..14].copy_from_slice(salt);
    counter[LABEL_AT] ^= label;
    counter_mode(key)?
        .less_safe_encrypt(out, EncryptionContext::Iv128(FixedLength::from(counter)))
        .map_err(|_| SrtpError::BadKey)?;
    Ok(())
}

/// AES in counter mode with a key of 16 or 32 bytes.
pub(super) fn counter_mode(key: &[u8]) -> Result<EncryptingKey, SrtpError> {
    let algorithm = if key.len() == 32 { &AES_256 } else { &AES_128 };
    UnboundCipherKey::new(algorithm, key)
        .and_then(EncryptingKey::ctr)
        .map_err(|_| SrtpError::BadKey)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::hex;

    #[test]
    fn rfc_3711_appendix_b_2_aes_cm_keystream() {
        let key = counter_mode(&hex("2B7E151628AED2A6ABF7158809CF4F3C")).unwrap();
        let start: [u8; 16] = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000").try_into().unwrap();
        let mut stream = vec![0; 0xff02 * 16];
        key.less_safe_encrypt(
            &mut stream,
            EncryptionContext::Iv128(FixedLength::from(start)),
        )
        .unwrap();
        assert_eq!(
            stream[..48],
            hex("E03EAD0935C95E80E166B16DD92B4EB4
            D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0")
        );
        assert_eq!(
            stream[0xfeff * 16..],
            hex("EC8CDF7398607CB0F2D21675EA9EA1E4
            362B7C3C6773516318A077D7FC5073AE 6A2CC3787889374FBEB4C81B17BA6C44")
        );
    }

    #[test]
    fn rfc_3711_appendix_b_3_key_derivation() {
        let keys = SessionKeys::derive(
            Profile::Aes128CmHmacSha1_80,
            Usage::Rtp,
            &hex("E1F97A0D3E018BE0D64FA32C06DE4139"),
            &hex("0EC675AD498AFEEBB6960B3AABE6"),
        )
        .unwrap();
        assert_eq!(keys.cipher_key, hex("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(keys.salt.to_vec(), hex("30CBBC08863D8C85D49DB34A9AE1"));
        assert_eq!(
            keys.auth_key.to_vec(),
            hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4")
        );
    }

    #[test]
    fn rtp_and_rtcp_keys_differ_in_every_part() {
        for profile in [
            Profile::AeadAes128Gcm,
            Profile::AeadAes256Gcm,
            Profile::Aes128CmHmacSha1_80,
        ] {
            let key = vec![7; profile.key_bytes()];
            let salt = vec![9; profile.salt_bytes()];
            let rtp = SessionKeys::derive(profile, Usage::Rtp, &key, &salt).unwrap();
            let rtcp = SessionKeys::derive(profile, Usage::Rtcp, &key, &salt).unwrap();
            assert_ne!(rtp.cipher_key, rtcp.cipher_key);
            assert_ne!(rtp.auth_key, rtcp.auth_key);
            assert_ne!(rtp.salt, rtcp.salt);
        }
    }

    #[test]
    fn keys_of_another_length_are_refused() {
        for (key, salt) in [(15, 14), (17, 14), (16, 12), (16, 13), (32, 14), (0, 0)] {
            let result = SessionKeys::derive(
                Profile::Aes128CmHmacSha1_80,
                Usage::Rtp,
                &vec![0; key],
                &vec![0; salt],
            );
            assert_eq!(result, Err(SrtpError::BadKey), "{key} and {salt} bytes");
        }
    }
}

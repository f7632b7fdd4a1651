//! MESSAGE-INTEGRITY with short-term credentials (RFC 8489 section 14.5).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;

use super::{ATTRIBUTE_HEADER_BYTES, HEADER_BYTES};

pub(super) const DIGEST_BYTES: usize = 20;

/// An ICE password, ready for HMAC-SHA1. Make it once per transport.
pub struct IntegrityKey {
    key: hmac::Key,
}

impl IntegrityKey {
    pub fn new(password: &str) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes()),
        }
    }

    /// HMAC of a message up to its MESSAGE-INTEGRITY attribute, which begins at the end of
    /// `before`. The length in the header is taken as if that attribute were the last.
    pub(super) fn digest(&self, before: &[u8]) -> Option<[u8; DIGEST_BYTES]> {
        let (kind, rest) = before.split_first_chunk::<2>()?;
        let covered =
            before.len().checked_sub(HEADER_BYTES)? + ATTRIBUTE_HEADER_BYTES + DIGEST_BYTES;
        let mut context = hmac::Context::with_key(&self.key);
        context.update(kind);
        context.update(&u16::try_from(covered).ok()?.to_be_bytes());
        context.update(rest.get(2..)?);
        context.sign().as_ref().try_into().ok()
    }

    /// Whether `claimed` is the digest, in constant time.
    pub(super) fn verifies(&self, before: &[u8], claimed: &[u8]) -> bool {
        self.digest(before)
            .is_some_and(|digest| verify_slices_are_equal(&digest, claimed).is_ok())
    }
}

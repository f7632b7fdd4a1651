//! Parsing Binding requests and indications.

use super::crc::crc32;
use super::integrity::{DIGEST_BYTES, IntegrityKey};
use super::{ATTRIBUTE_HEADER_BYTES, HEADER_BYTES, MAGIC_COOKIE, attribute};
use crate::wire::octet::{read_u16, read_u32, read_u64};

const BINDING: u16 = 0x001;
/// XORed with the CRC so that it differs from one of an encapsulated protocol ("STUN").
pub(super) const FINGERPRINT_MASK: u32 = 0x5354_554e;

/// What a message is (RFC 8489 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Request,
    Indication,
    /// An answer to somebody's request; an ICE-lite agent sends none.
    Response,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StunError {
    /// Not a well-formed STUN message.
    Malformed,
    /// A STUN message, but not Binding.
    UnknownMethod,
    /// FINGERPRINT does not match.
    BadFingerprint,
}

/// A Binding message. FINGERPRINT was verified if it was there; MESSAGE-INTEGRITY was not yet, so
/// nothing here may be believed before `verify_integrity`.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    pub class: Class,
    pub transaction_id: [u8; 12],
    pub username: Option<&'a [u8]>,
    pub priority: Option<u32>,
    pub use_candidate: bool,
    /// Tie-breaker of ICE-CONTROLLING.
    pub controlling: Option<u64>,
    /// Tie-breaker of ICE-CONTROLLED.
    pub controlled: Option<u64>,
    pub has_fingerprint: bool,
    /// First comprehension-required attribute that is unknown to us.
    pub unknown_required: Option<u16>,
    bytes: &'a [u8],
    integrity_at: Option<usize>,
}

impl<'a> Message<'a> {
    /// Parse one datagram; a length other than that in the header is malformed.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, StunError> {
        let (kind, mut message) = parse_header(datagram).ok_or(StunError::Malformed)?;
        if method_bits(kind) != BINDING {
            return Err(StunError::UnknownMethod);
        }
        let mut at = HEADER_BYTES;
        while at < datagram.len() {
            // FINGERPRINT comes last (RFC 8489 section 14.7).
            if message.has_fingerprint {
                return Err(StunError::Malformed);
            }
            let (kind, value, next) = split_attribute(datagram, at).ok_or(StunError::Malformed)?;
            message.note_attribute(kind, value, at)?;
            at = next;
        }
        Ok(message)
    }

    /// Our ufrag: USERNAME up to the colon. `None` without a colon.
    pub fn local_ufrag(&self) -> Option<&'a str> {
        let username = self.username?;
        let colon = username.iter().position(|byte| *byte == b':')?;
        std::str::from_utf8(username.get(..colon)?).ok()
    }

    pub fn has_integrity(&self) -> bool {
        self.integrity_at.is_some()
    }

    /// Whether MESSAGE-INTEGRITY is there and right, in constant time.
    pub fn verify_integrity(&self, key: &IntegrityKey) -> bool {
        let verified = self.integrity_at.and_then(|at| {
            let digest_at = at + ATTRIBUTE_HEADER_BYTES;
            let claimed = self.bytes.get(digest_at..digest_at + DIGEST_BYTES)?;
            Some(key.verifies(self.bytes.get(..at)?, claimed))
        });
        verified == Some(true)
    }

    fn note_attribute(&mut self, kind: u16, value: &'a [u8], at: usize) -> Result<(), StunError> {
        if kind == attribute::FINGERPRINT {
            return self.note_fingerprint(value, at);
        }
        // What follows MESSAGE-INTEGRITY is not covered by it, hence ignored (section 14.5).
        if self.integrity_at.is_some() {
            return Ok(());
        }
        match kind {
            attribute::USERNAME => self.username = self.username.or(Some(value)),
            attribute::MESSAGE_INTEGRITY if value.len() != DIGEST_BYTES => {
                return Err(StunError::Malformed);
            }
            attribute::MESSAGE_INTEGRITY => self.integrity_at = Some(at),
            attribute::PRIORITY => self.priority = self.priority.or(Some(exact_u32(value)?)),
            attribute::USE_CANDIDATE => self.use_candidate = true,
            attribute::ICE_CONTROLLING => {
                self.controlling = self.controlling.or(Some(exact_u64(value)?));
            }
            attribute::ICE_CONTROLLED => {
                self.controlled = self.controlled.or(Some(exact_u64(value)?));
            }
            attribute::MAPPED_ADDRESS
            | attribute::ERROR_CODE
            | attribute::UNKNOWN_ATTRIBUTES
            | attribute::MESSAGE_INTEGRITY_SHA256
            | attribute::XOR_MAPPED_ADDRESS
            | attribute::FIRST_OPTIONAL.. => {}
            unknown => self.unknown_required = self.unknown_required.or(Some(unknown)),
        }
        Ok(())
    }

    fn note_fingerprint(&mut self, value: &[u8], at: usize) -> Result<(), StunError> {
        let covered = self.bytes.get(..at).ok_or(StunError::Malformed)?;
        if exact_u32(value)? != crc32(covered) ^ FINGERPRINT_MASK {
            return Err(StunError::BadFingerprint);
        }
        self.has_fingerprint = true;
        Ok(())
    }
}

/// The message type, and a message without attributes.
fn parse_header(datagram: &[u8]) -> Option<(u16, Message<'_>)> {
    let kind = read_u16(datagram, 0)?;
    let length = usize::from(read_u16(datagram, 2)?);
    let is_stun = kind >> 14 == 0 && read_u32(datagram, 4)? == MAGIC_COOKIE;
    if !is_stun || length % 4 != 0 || HEADER_BYTES + length != datagram.len() {
        return None;
    }
    let message = Message {
        class: class(kind),
        transaction_id: datagram.get(8..HEADER_BYTES)?.try_into().ok()?,
        username: None,
        priority: None,
        use_candidate: false,
        controlling: None,
        controlled: None,
        has_fingerprint: false,
        unknown_required: None,
        bytes: datagram,
        integrity_at: None,
    };
    Some((kind, message))
}

/// The bits of the type that are not the class (RFC 8489 section 5).
const fn method_bits(kind: u16) -> u16 {
    kind & 0x000f | (kind & 0x00e0) >> 1 | (kind & 0x3e00) >> 2
}

const fn class(kind: u16) -> Class {
    match kind & 0x0110 {
        0x0000 => Class::Request,
        0x0010 => Class::Indication,
        _ => Class::Response,
    }
}

/// Type and value of the attribute at `at`, and where the next one is.
fn split_attribute(datagram: &[u8], at: usize) -> Option<(u16, &[u8], usize)> {
    let kind = read_u16(datagram, at)?;
    let length = usize::from(read_u16(datagram, at + 2)?);
    let start = at + ATTRIBUTE_HEADER_BYTES;
    let value = datagram.get(start..start + length)?;
    let next = start + length.next_multiple_of(4);
    (next <= datagram.len()).then_some((kind, value, next))
}

fn exact_u32(value: &[u8]) -> Result<u32, StunError> {
    read_u32(value, 0)
        .filter(|_| value.len() == 4)
        .ok_or(StunError::Malformed)
}

fn exact_u64(value: &[u8]) -> Result<u64, StunError> {
    read_u64(value, 0)
        .filter(|_| value.len() == 8)
        .ok_or(StunError::Malformed)
}

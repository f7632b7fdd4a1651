//! Answers to Binding requests.

use std::net::{IpAddr, SocketAddr};

use super::crc::crc32;
use super::integrity::DIGEST_BYTES;
use super::message::FINGERPRINT_MASK;
use super::{ATTRIBUTE_HEADER_BYTES, HEADER_BYTES, IntegrityKey, MAGIC_COOKIE, attribute};
use crate::wire::octet::Writer;

const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;
const LENGTH_AT: usize = 2;
const FAMILY_IPV4: u8 = 1;
const FAMILY_IPV6: u8 = 2;
const FINGERPRINT_BYTES: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    BadRequest,
    Unauthenticated,
    /// With the type of the attribute.
    UnknownAttribute(u16),
    RoleConflict,
}

impl ErrorCode {
    const fn number(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthenticated => 401,
            Self::UnknownAttribute(_) => 420,
            Self::RoleConflict => 487,
        }
    }

    const fn reason(self) -> &'static str {
        match self {
            Self::BadRequest => "Bad Request",
            Self::Unauthenticated => "Unauthenticated",
            Self::UnknownAttribute(_) => "Unknown Attribute",
            Self::RoleConflict => "Role Conflict",
        }
    }
}

/// Success response with XOR-MAPPED-ADDRESS, MESSAGE-INTEGRITY and FINGERPRINT. At most 76 bytes.
///
/// An IPv4-mapped IPv6 address is written as IPv4, which is what the browser sees.
pub fn write_binding_success(
    buffer: &mut [u8],
    transaction_id: &[u8; 12],
    mapped: SocketAddr,
    key: &IntegrityKey,
) -> Option<usize> {
    let mut writer = Writer::new(buffer);
    write_message_header(&mut writer, BINDING_SUCCESS, transaction_id)?;
    write_xor_mapped_address(&mut writer, transaction_id, mapped)?;
    write_integrity(&mut writer, key)?;
    write_fingerprint(&mut writer)?;
    Some(writer.length())
}

/// Error response with FINGERPRINT, and MESSAGE-INTEGRITY when a key is given
/// (400 and 401 carry none, RFC 8489 section 9.1.3).
pub fn write_binding_error(
    buffer: &mut [u8],
    transaction_id: &[u8; 12],
    code: ErrorCode,
    key: Option<&IntegrityKey>,
) -> Option<usize> {
    let mut writer = Writer::new(buffer);
    write_message_header(&mut writer, BINDING_ERROR, transaction_id)?;
    write_error_code(&mut writer, code)?;
    if let ErrorCode::UnknownAttribute(kind) = code {
        write_attribute_header(&mut writer, attribute::UNKNOWN_ATTRIBUTES, 2)?;
        writer.put_u16(kind)?;
        writer.pad_to_word()?;
    }
    if let Some(key) = key {
        write_integrity(&mut writer, key)?;
    }
    write_fingerprint(&mut writer)?;
    Some(writer.length())
}

pub(super) fn write_message_header(
    writer: &mut Writer<'_>,
    kind: u16,
    transaction_id: &[u8; 12],
) -> Option<()> {
    writer.put_u16(kind)?;
    writer.put_u16(0)?;
    writer.put_u32(MAGIC_COOKIE)?;
    writer.put(transaction_id)
}

pub(super) fn write_attribute_header(
    writer: &mut Writer<'_>,
    kind: u16,
    length: usize,
) -> Option<()> {
    writer.put_u16(kind)?;
    writer.put_u16(u16::try_from(length).ok()?)
}

/// The address XORed with magic cookie and transaction id (RFC 8489 section 14.2).
fn write_xor_mapped_address(
    writer: &mut Writer<'_>,
    transaction_id: &[u8; 12],
    mapped: SocketAddr,
) -> Option<()> {
    let port = mapped.port() ^ (MAGIC_COOKIE >> 16) as u16;
    match mapped.ip().to_canonical() {
        IpAddr::V4(address) => {
            write_attribute_header(writer, attribute::XOR_MAPPED_ADDRESS, 8)?;
            writer.put(&[0, FAMILY_IPV4])?;
            writer.put_u16(port)?;
            writer.put_u32(address.to_bits() ^ MAGIC_COOKIE)
        }
        IpAddr::V6(address) => {
            let mut mask = [0; 16];
            let (cookie, id) = mask.split_at_mut(4);
            cookie.copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
            id.copy_from_slice(transaction_id);
            write_attribute_header(writer, attribute::XOR_MAPPED_ADDRESS, 20)?;
            writer.put(&[0, FAMILY_IPV6])?;
            writer.put_u16(port)?;
            writer.put(&(address.to_bits() ^ u128::from_be_bytes(mask)).to_be_bytes())
        }
    }
}

fn write_error_code(writer: &mut Writer<'_>, code: ErrorCode) -> Option<()> {
    let reason = code.reason();
    write_attribute_header(writer, attribute::ERROR_CODE, 4 + reason.len())?;
    writer.put_u16(0)?;
    writer.put(&[(code.number() / 100) as u8, (code.number() % 100) as u8])?;
    writer.put(reason.as_bytes())?;
    writer.pad_to_word()
}

pub(super) fn write_integrity(writer: &mut Writer<'_>, key: &IntegrityKey) -> Option<()> {
    let digest = key.digest(writer.written())?;
    write_attribute_header(writer, attribute::MESSAGE_INTEGRITY, DIGEST_BYTES)?;
    writer.put(&digest)?;
    set_length(writer, writer.length())
}

/// The CRC covers the header too, whose length already counts this attribute.
pub(super) fn write_fingerprint(writer: &mut Writer<'_>) -> Option<()> {
    set_length(
        writer,
        writer.length() + ATTRIBUTE_HEADER_BYTES + FINGERPRINT_BYTES,
    )?;
    let crc = crc32(writer.written());
    write_attribute_header(writer, attribute::FINGERPRINT, FINGERPRINT_BYTES)?;
    writer.put_u32(crc ^ FINGERPRINT_MASK)
}

fn set_length(writer: &mut Writer<'_>, message_bytes: usize) -> Option<()> {
    let length = u16::try_from(message_bytes.checked_sub(HEADER_BYTES)?).ok()?;
    writer.patch_u16(LENGTH_AT, length)
}

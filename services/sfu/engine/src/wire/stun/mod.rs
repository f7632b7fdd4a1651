//! STUN as far as an ICE-lite agent needs it: Binding (RFC 8489, RFC 8445).

mod crc;
mod integrity;
mod message;
mod response;

pub use integrity::IntegrityKey;
pub use message::{Class, Message, StunError};
pub use response::{ErrorCode, write_binding_error, write_binding_success};

const MAGIC_COOKIE: u32 = 0x2112_a442;
const HEADER_BYTES: usize = 20;
const ATTRIBUTE_HEADER_BYTES: usize = 4;

/// Attribute types (RFC 8489 section 18.3, RFC 8445 section 16.1).
mod attribute {
    pub(super) const MAPPED_ADDRESS: u16 = 0x0001;
    pub(super) const USERNAME: u16 = 0x0006;
    pub(super) const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub(super) const ERROR_CODE: u16 = 0x0009;
    pub(super) const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
    pub(super) const MESSAGE_INTEGRITY_SHA256: u16 = 0x001c;
    pub(super) const XOR_MAPPED_ADDRESS: u16 = 0x0020;
    pub(super) const PRIORITY: u16 = 0x0024;
    pub(super) const USE_CANDIDATE: u16 = 0x0025;
    /// From here on attributes may be ignored.
    pub(super) const FIRST_OPTIONAL: u16 = 0x8000;
    pub(super) const FINGERPRINT: u16 = 0x8028;
    pub(super) const ICE_CONTROLLED: u16 = 0x8029;
    pub(super) const ICE_CONTROLLING: u16 = 0x802a;
}

#[cfg(test)]
mod tests;

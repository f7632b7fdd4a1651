//! Protection profiles of DTLS-SRTP (RFC 5764 section 4.1.2, RFC 7714 section 14.2).

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    AeadAes128Gcm,
    AeadAes256Gcm,
    Aes128CmHmacSha1_80,
}

/// Room to leave behind a plain RTP or RTCP packet: the longest tag and the SRTCP index.
pub const MAX_OVERHEAD_BYTES: usize = 20;

impl Profile {
    /// By its name as the Python side writes it.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "AEAD_AES_128_GCM" => Some(Self::AeadAes128Gcm),
            "AEAD_AES_256_GCM" => Some(Self::AeadAes256Gcm),
            "AES128_CM_SHA1_80" => Some(Self::Aes128CmHmacSha1_80),
            _ => None,
        }
    }

    /// Length of master and session keys.
    pub const fn key_bytes(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::Aes128CmHmacSha1_80 => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    /// Length of master and session salts.
    pub const fn salt_bytes(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
            Self::Aes128CmHmacSha1_80 => 14,
        }
    }

    /// What protecting adds to an RTP packet.
    pub const fn tag_bytes(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
            Self::Aes128CmHmacSha1_80 => 10,
        }
    }
}

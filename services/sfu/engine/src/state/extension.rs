//! Header extensions that the engine reads or writes (RFC 8285), by name.

pub const EXTENSION_COUNT: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Extension {
    Mid,
    Rid,
    Rrid,
    AbsSendTime,
    TransportCc,
    AudioLevel,
    Orientation,
    Toffset,
}

impl Extension {
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "mid" => Self::Mid,
            "rid" => Self::Rid,
            "rrid" => Self::Rrid,
            "abs-send-time" => Self::AbsSendTime,
            "transport-cc" => Self::TransportCc,
            "audio-level" => Self::AudioLevel,
            "orientation" => Self::Orientation,
            "toffset" => Self::Toffset,
            _ => return None,
        })
    }
}

/// Negotiated ids, 1 to 255.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtensionIds([Option<u8>; EXTENSION_COUNT]);

impl ExtensionIds {
    pub fn set(&mut self, extension: Extension, id: u8) {
        self.0[extension as usize] = Some(id);
    }

    pub fn get(&self, extension: Extension) -> Option<u8> {
        self.0[extension as usize]
    }

    pub fn clear(&mut self, extension: Extension) {
        self.0[extension as usize] = None;
    }

    /// Takes over every id that the other side names.
    pub fn learn(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = theirs.or(*mine);
        }
    }
}

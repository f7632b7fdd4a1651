//! Contents of NACK (RFC 4585 section 6.2.1) and FIR (RFC 5104 section 4.3.1).

/// Sequence numbers asked for by a generic NACK.
#[derive(Clone, Debug)]
pub struct LostSequences<'a> {
    bytes: &'a [u8],
    /// The number that the lowest bit of `mask` stands for.
    base: u16,
    /// PID and the 16 numbers of BLP after it that are still to be given.
    mask: u32,
}

impl<'a> LostSequences<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            base: 0,
            mask: 0,
        }
    }
}

impl Iterator for LostSequences<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        if self.mask == 0 {
            let (&[a, b, c, d], rest) = self.bytes.split_first_chunk()?;
            self.bytes = rest;
            self.base = u16::from_be_bytes([a, b]);
            self.mask = u32::from(u16::from_be_bytes([c, d])) << 1 | 1;
        }
        let offset = self.mask.trailing_zeros() as u16;
        self.mask &= self.mask - 1;
        Some(self.base.wrapping_add(offset))
    }
}

/// (media SSRC, command sequence number) of a FIR.
#[derive(Clone, Debug)]
pub struct FirEntries<'a> {
    bytes: &'a [u8],
}

impl<'a> FirEntries<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }
}

impl Iterator for FirEntries<'_> {
    type Item = (u32, u8);

    fn next(&mut self) -> Option<(u32, u8)> {
        let (&[a, b, c, d, command, ..], rest) = self.bytes.split_first_chunk::<8>()?;
        self.bytes = rest;
        Some((u32::from_be_bytes([a, b, c, d]), command))
    }
}

//! Bounds-checked big-endian reads, and a writer that refuses to run over its buffer.

/// Two bytes at `at`, big-endian.
pub fn read_u16(bytes: &[u8], at: usize) -> Option<u16> {
    let end = at.checked_add(2)?;
    Some(u16::from_be_bytes(bytes.get(at..end)?.try_into().ok()?))
}

/// Three bytes at `at`, big-endian.
pub fn read_u24(bytes: &[u8], at: usize) -> Option<u32> {
    match *bytes.get(at..at.checked_add(3)?)? {
        [a, b, c] => Some(u32::from_be_bytes([0, a, b, c])),
        _ => None,
    }
}

/// Four bytes at `at`, big-endian.
pub fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    let end = at.checked_add(4)?;
    Some(u32::from_be_bytes(bytes.get(at..end)?.try_into().ok()?))
}

/// Eight bytes at `at`, big-endian.
pub fn read_u64(bytes: &[u8], at: usize) -> Option<u64> {
    let end = at.checked_add(8)?;
    Some(u64::from_be_bytes(bytes.get(at..end)?.try_into().ok()?))
}

/// Appends to a fixed buffer; every method answers `None` when the bytes do not fit.
pub struct Writer<'a> {
    buffer: &'a mut [u8],
    length: usize,
}

impl<'a> Writer<'a> {
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, length: 0 }
    }

    pub fn length(&self) -> usize {
        self.length
    }

    pub fn remaining(&self) -> usize {
        self.buffer.len() - self.length
    }

    /// What has been written.
    pub fn written(&self) -> &[u8] {
        &self.buffer[..self.length]
    }

    pub fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.length.checked_add(bytes.len())?;
        self.buffer
            .get_mut(self.length..end)?
            .copy_from_slice(bytes);
        self.length = end;
        Some(())
    }

    pub fn put_u8(&mut self, value: u8) -> Option<()> {
        self.put(&[value])
    }

    pub fn put_u16(&mut self, value: u16) -> Option<()> {
        self.put(&value.to_be_bytes())
    }

    pub fn put_u24(&mut self, value: u32) -> Option<()> {
        self.put(&value.to_be_bytes()[1..])
    }

    pub fn put_u32(&mut self, value: u32) -> Option<()> {
        self.put(&value.to_be_bytes())
    }

    pub fn put_u64(&mut self, value: u64) -> Option<()> {
        self.put(&value.to_be_bytes())
    }

    /// Zero bytes up to the next multiple of four.
    pub fn pad_to_word(&mut self) -> Option<()> {
        let padding = self.length.wrapping_neg() & 3;
        self.put(&[0u8; 3][..padding])
    }

    /// Overwrite two bytes that were written before, for lengths known only at the end.
    pub fn patch_u16(&mut self, at: usize, value: u16) -> Option<()> {
        let end = at.checked_add(2).filter(|end| *end <= self.length)?;
        self.buffer
            .get_mut(at..end)?
            .copy_from_slice(&value.to_be_bytes());
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_are_big_endian_and_stop_at_the_end() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        assert_eq!(read_u16(&bytes, 0), Some(0x0102));
        assert_eq!(read_u24(&bytes, 1), Some(0x02_03_04));
        assert_eq!(read_u32(&bytes, 1), Some(0x0203_0405));
        assert_eq!(read_u64(&bytes, 1), Some(0x0203_0405_0607_0809));
        assert_eq!(read_u16(&bytes, 8), None);
        assert_eq!(read_u24(&bytes, 7), None);
        assert_eq!(read_u32(&bytes, 6), None);
        assert_eq!(read_u64(&bytes, 2), None);
        assert_eq!(read_u16(&bytes, usize::MAX), None);
        assert_eq!(read_u64(&bytes, usize::MAX - 3), None);
    }

    #[test]
    fn writer_refuses_what_does_not_fit_and_keeps_what_did() {
        let mut buffer = [0u8; 5];
        let mut writer = Writer::new(&mut buffer);
        assert_eq!(writer.put_u24(0x01_02_03), Some(()));
        assert_eq!(writer.put_u32(9), None);
        assert_eq!(writer.remaining(), 2);
        assert_eq!(writer.pad_to_word(), Some(()));
        assert_eq!(writer.patch_u16(3, 1), None);
        assert_eq!(writer.patch_u16(2, 0xaabb), Some(()));
        assert_eq!(writer.written(), [1, 2, 0xaa, 0xbb]);
        assert_eq!(writer.length(), 4);
    }
}

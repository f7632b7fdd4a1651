//! What the tests of this folder share.

/// Marsaglia's xorshift64: the same numbers on every run.
pub struct Xorshift {
    state: u64,
}

impl Xorshift {
    pub fn new(seed: u64) -> Self {
        Self { state: seed | 1 }
    }

    pub fn draw(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    /// Less than `bound`, which must not be 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        (self.draw() >> 11) % bound
    }

    pub fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = (self.draw() >> 24) as u8;
        }
    }
}

/// Run `parse` on every prefix of `packet`, and on 2,000 copies with a few bytes changed. It must
/// not panic; what it answers is its own business.
pub fn torment(packet: &[u8], mut parse: impl FnMut(&[u8])) {
    for length in 0..=packet.len() {
        parse(&packet[..length]);
    }
    let mut random = Xorshift::new(packet.len() as u64 + 1);
    for _ in 0..2_000 {
        let mut mutated = packet.to_vec();
        for _ in 0..=random.below(4) {
            let at = random.below(mutated.len() as u64) as usize;
            mutated[at] = random.draw() as u8;
        }
        let length = random.below(mutated.len() as u64 + 1) as usize;
        parse(&mutated);
        parse(&mutated[..length]);
    }
}

/// Bytes of a hexadecimal string; white space is ignored.
pub fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

//! Media that came before the keys: a browser that ends the handshake sends at once.

use super::tuple::Tuple;

const MAX_PACKETS: usize = 64;
const MAX_AGE_MICROS: u64 = 200_000;

/// One datagram that waits.
pub struct Held {
    pub bytes: Vec<u8>,
    pub tuple: Tuple,
    pub arrival_micros: u64,
}

impl Held {
    pub fn is_stale(&self, now_micros: u64) -> bool {
        now_micros.saturating_sub(self.arrival_micros) > MAX_AGE_MICROS
    }
}

/// Bounded in number and age. It allocates, but only until the keys are there.
#[derive(Default)]
pub struct Waiting(Vec<Held>);

impl Waiting {
    /// Answers how many packets were dropped for it, itself perhaps.
    pub fn hold(&mut self, bytes: &[u8], tuple: Tuple, arrival_micros: u64) -> usize {
        let before = self.0.len();
        self.0.retain(|held| !held.is_stale(arrival_micros));
        let stale = before - self.0.len();
        if self.0.len() == MAX_PACKETS {
            return stale + 1;
        }
        self.0.push(Held {
            bytes: bytes.to_vec(),
            tuple,
            arrival_micros,
        });
        stale
    }

    /// Hands out everything, in order of arrival, and frees the memory.
    pub fn take(&mut self) -> Vec<Held> {
        std::mem::take(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tuple() -> Tuple {
        Tuple {
            remote: ([192, 0, 2, 1], 9).into(),
            local: [198, 51, 100, 1].into(),
        }
    }

    #[test]
    fn sixty_fifth_packet_is_refused_until_the_first_are_too_old() {
        let mut waiting = Waiting::default();
        for _ in 0..64 {
            assert_eq!(waiting.hold(b"x", tuple(), 0), 0);
        }
        assert_eq!(waiting.hold(b"x", tuple(), 200_000), 1);
        assert_eq!(waiting.hold(b"y", tuple(), 200_001), 64);
        assert_eq!(waiting.take().len(), 1);
    }
}

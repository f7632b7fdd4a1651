//! Whether an encoding sends. Publishers switch layers off and on by themselves, without a word.

/// A layer that was silent for this long may be quiet.
const SILENCE_MICROS: u64 = 500_000;
/// It is, if another one has begun so many frames since: a screen share may send one frame a second on
/// all layers, a camera in the dark five.
const FRAMES: usize = 5;
/// No packet that was overtaken comes after so long.
const ABSENCE_MICROS: u64 = 2_000_000;

#[derive(Debug, Default)]
pub struct Activity {
    active: bool,
    /// What the owner knows.
    told: bool,
    seen_at_micros: u64,
    timestamp: u32,
    /// When the latest frames began, the oldest at `oldest`.
    begun_at_micros: [u64; FRAMES],
    oldest: usize,
}

impl Activity {
    /// A media packet came by itself.
    pub fn note(&mut self, timestamp: u32, now_micros: u64) {
        if !self.active || timestamp != self.timestamp {
            self.timestamp = timestamp;
            self.begun_at_micros[self.oldest] = now_micros;
            self.oldest = (self.oldest + 1) % FRAMES;
        }
        self.active = true;
        self.seen_at_micros = now_micros;
    }

    pub fn is_active(&self) -> bool {
        self.active
    }

    /// Whether it was silent for long while `other`, of the same producer, went on.
    pub fn has_fallen_behind(&self, other: &Self, now_micros: u64) -> bool {
        let silent_micros = now_micros.saturating_sub(self.seen_at_micros);
        silent_micros >= SILENCE_MICROS && other.begun_at_micros[other.oldest] > self.seen_at_micros
    }

    /// Whether nothing came for so long that whatever does is no leftover.
    pub fn is_absent(&self, now_micros: u64) -> bool {
        now_micros.saturating_sub(self.seen_at_micros) >= ABSENCE_MICROS
    }

    pub fn end(&mut self) {
        self.active = false;
    }

    /// What the owner does not know yet.
    pub fn untold(&self) -> Option<bool> {
        (self.active != self.told).then_some(self.active)
    }

    pub fn note_told(&mut self, active: bool) {
        self.told = active;
    }
}

//! What a consumer has sent lately, as far as retransmission must know.

const VIDEO_PACKETS: usize = 512;
const AUDIO_PACKETS: usize = 128;
/// Browsers ask ten times; who asks more often only wants us to send.
const MAX_RESENDS: u8 = 10;

/// What a packet carried that the cache does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    pub abs_send_time: u32,
    pub wide_sequence: u16,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    /// Our extended number plus one; 0 for nothing.
    key: u64,
    resent_at_micros: Option<u64>,
    resends: u8,
    marks: Marks,
}

/// A ring that is allocated once.
pub struct SentRing(Box<[Entry]>);

impl SentRing {
    pub fn new(video: bool) -> Self {
        let packets = if video { VIDEO_PACKETS } else { AUDIO_PACKETS };
        Self(vec![Entry::default(); packets].into_boxed_slice())
    }

    fn entry(&mut self, out: u64) -> &mut Entry {
        let index = out as usize & (self.0.len() - 1);
        &mut self.0[index]
    }

    pub fn note(&mut self, out: u64, marks: Marks) {
        *self.entry(out) = Entry {
            key: out + 1,
            resent_at_micros: None,
            resends: 0,
            marks,
        };
    }

    /// A packet that may be sent again now, which is noted.
    pub fn resend(
        &mut self,
        out: u64,
        now_micros: u64,
        min_interval_micros: u64,
    ) -> Result<Resend, Refusal> {
        let entry = self.entry(out);
        if entry.key != out + 1 {
            return Err(Refusal::Gone);
        }
        let recent = entry
            .resent_at_micros
            .is_some_and(|at| now_micros.saturating_sub(at) < min_interval_micros);
        if recent || entry.resends == MAX_RESENDS {
            return Err(Refusal::Repeated);
        }
        entry.resent_at_micros = Some(now_micros);
        entry.resends += 1;
        Ok(Resend {
            marks: entry.marks,
            is_first: entry.resends == 1,
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resend {
    /// Those of the packet as it was sent first.
    pub marks: Marks,
    pub is_first: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Never sent, or too long ago.
    Gone,
    /// Sent again a moment ago, or often enough.
    Repeated,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packet_is_resent_once_an_interval_and_only_if_it_was_sent() {
        let marks = Marks {
            abs_send_time: 1,
            wide_sequence: 2,
        };
        let resend = |is_first| Ok(Resend { marks, is_first });
        let mut ring = SentRing::new(false);
        ring.note(5, marks);
        assert_eq!(ring.resend(5, 1_000, 20_000), resend(true));
        assert_eq!(ring.resend(5, 20_999, 20_000), Err(Refusal::Repeated));
        assert_eq!(ring.resend(5, 21_000, 20_000), resend(false));
        assert_eq!(ring.resend(6, 1_000, 20_000), Err(Refusal::Gone));
        ring.note(5 + 128, marks);
        assert_eq!(ring.resend(5, 90_000, 20_000), Err(Refusal::Gone));
    }
}

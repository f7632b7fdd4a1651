//! How loud a microphone is, as its publisher says with each packet (RFC 6464).

/// In -dBov. What is quieter counts as this: a gap between two syllables may be digital silence (127),
/// which must not outweigh them.
pub const FLOOR: u8 = 60;
/// The longest packet that Opus has (RFC 6716, 2.1.4).
const LONGEST_MILLIS: u64 = 120;
/// The usual one: what a packet is taken for whose length cannot be told.
const USUAL_MILLIS: u64 = 20;

/// The mean level since the last report, weighted by time, so that it does not depend on how long packets
/// are. Time without packets is silence: with DTX a quiet microphone sends next to none.
///
/// A mean of levels rather than of power: a click is one or two packets, and would outweigh all others.
#[derive(Debug, Default)]
pub struct Loudness {
    /// The last report, or the first packet.
    since_micros: Option<u64>,
    timestamp: Option<u32>,
    /// Length of what was heard since.
    heard_millis: u64,
    /// Its level above the floor times its length.
    above_floor: u64,
}

impl Loudness {
    /// A packet came that is the newest. `value` is that of its header extension, if it has one.
    pub fn note(&mut self, value: Option<&[u8]>, timestamp: u32, clock_rate: u32, now_micros: u64) {
        // The highest bit says whether it is voice, which browsers set at all times.
        let Some(&[value]) = value else {
            return;
        };
        self.since_micros.get_or_insert(now_micros);
        let before = self.timestamp.replace(timestamp);
        let ticks = before.map_or(0, |before| timestamp.wrapping_sub(before));
        let millis = u64::from(ticks) * 1_000 / u64::from(clock_rate.max(1));
        let millis = match millis {
            1..=LONGEST_MILLIS => millis,
            _ => USUAL_MILLIS,
        };
        self.heard_millis += millis;
        self.above_floor += u64::from(FLOOR.saturating_sub(value & 0x7f)) * millis;
    }

    /// The mean level until now, in -dBov, and begins anew; `None` where there was nothing but silence.
    pub fn take(&mut self, now_micros: u64) -> Option<u8> {
        let since_micros = self.since_micros.replace(now_micros)?;
        let passed_millis = now_micros.saturating_sub(since_micros) / 1_000;
        // More was heard than time has passed where packets were held up on the way, or lie.
        let millis = passed_millis.max(std::mem::take(&mut self.heard_millis));
        let above = std::mem::take(&mut self.above_floor).checked_div(millis)?;
        u8::try_from(above)
            .ok()
            .filter(|above| *above > 0)
            .map(|above| FLOOR.saturating_sub(above))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 48_000;
    const START_MICROS: u64 = 5_000_000;

    /// Packets of one length, one after the other from `START_MICROS` on.
    fn heard(levels: &[u8], millis: u64) -> (Loudness, u64) {
        let mut loudness = Loudness::default();
        let mut now_micros = START_MICROS;
        let mut timestamp = 0xffff_fc00_u32;
        for &level in levels {
            loudness.note(Some(&[level]), timestamp, RATE, now_micros);
            timestamp = timestamp.wrapping_add(millis as u32 * 48);
            now_micros += millis * 1_000;
        }
        (loudness, now_micros)
    }

    #[test]
    fn level_is_the_mean_whatever_the_length_of_packets() {
        for (count, millis) in [(15, 20), (5, 60), (30, 10), (3, 100)] {
            let (mut loudness, now) = heard(&vec![30; count], millis);
            let level = loudness.take(now).unwrap();
            // Of the first packet the length is not known yet.
            assert!((30..=38).contains(&level), "{level} of {count}");
        }
        let levels: Vec<u8> = (0..16)
            .map(|at| if at % 2 == 0 { 20 } else { 40 })
            .collect();
        let (mut loudness, now) = heard(&levels, 20);
        assert_eq!(loudness.take(now), Some(30));
    }

    #[test]
    fn bit_of_voice_activity_is_no_level() {
        let (mut loudness, now) = heard(&[0x80 | 30; 15], 20);
        assert_eq!(loudness.take(now), Some(30));
    }

    #[test]
    fn click_is_no_speech_and_a_gap_in_speech_is_no_silence() {
        let mut levels = [90; 15];
        levels[7] = 5;
        let (mut loudness, now) = heard(&levels, 20);
        assert!(loudness.take(now).unwrap() > 55);
        let levels: Vec<u8> = (0..15)
            .map(|at| if at % 3 == 0 { 127 } else { 25 })
            .collect();
        let (mut loudness, now) = heard(&levels, 20);
        assert!(loudness.take(now).unwrap() < 40);
    }

    #[test]
    fn report_begins_anew_and_silence_is_none() {
        let (mut loudness, now) = heard(&[30; 15], 20);
        assert_eq!(loudness.take(now), Some(30));
        assert_eq!(loudness.take(now + 300_000), None);
        let (mut loudness, now) = heard(&[127; 15], 20);
        assert_eq!(loudness.take(now), None);
        assert_eq!(Loudness::default().take(now), None);
    }

    #[test]
    fn time_without_packets_is_silence() {
        let (mut loudness, now) = heard(&[20; 5], 20);
        // 100 ms of 400.
        assert_eq!(loudness.take(now + 300_000), Some(50));
    }

    #[test]
    fn packets_that_were_held_up_are_no_louder_for_it() {
        let (mut loudness, _) = heard(&[20; 50], 20);
        assert_eq!(loudness.take(START_MICROS + 300_000), Some(20));
    }

    #[test]
    fn values_of_another_length_and_hostile_timestamps_mean_little() {
        let mut loudness = Loudness::default();
        for value in [None, Some(&[] as &[u8]), Some(&[0, 0]), Some(&[0; 16])] {
            loudness.note(value, 0, RATE, START_MICROS);
        }
        assert_eq!(loudness.take(START_MICROS + 300_000), None);
        for timestamp in [0, 0x8000_0000, 7, u32::MAX, 0, 0, 1] {
            loudness.note(Some(&[0]), timestamp, 1, START_MICROS);
            loudness.note(Some(&[0]), timestamp, u32::MAX, START_MICROS);
        }
        assert!(loudness.take(START_MICROS + 300_000).is_some());
        assert_eq!(loudness.take(START_MICROS + 600_000), None);
    }
}

//! Stretches of an outgoing stream in which the publisher's numbers and ours run side by side.

/// Stretches that are remembered, so that packets of before a pause or a switch can be sent again.
const MAX_SEGMENTS: usize = 32;

/// What a packet carries besides its sequence number that runs on from one to the next; also the
/// difference of two. Numbers of VP8 are 0 where a packet has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    pub timestamp: u32,
    /// In all 16 bits, of which a packet shows 7 or 15.
    pub picture_id: u16,
    pub tl0_index: u8,
}

impl Stamp {
    pub fn plus(self, other: Self) -> Self {
        Self {
            timestamp: self.timestamp.wrapping_add(other.timestamp),
            picture_id: self.picture_id.wrapping_add(other.picture_id),
            tl0_index: self.tl0_index.wrapping_add(other.tl0_index),
        }
    }

    pub fn minus(self, other: Self) -> Self {
        Self {
            timestamp: self.timestamp.wrapping_sub(other.timestamp),
            picture_id: self.picture_id.wrapping_sub(other.picture_id),
            tl0_index: self.tl0_index.wrapping_sub(other.tl0_index),
        }
    }
}

/// Our extended number for a packet, and what is added to its stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub out: u64,
    pub shift: Stamp,
}

#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// Index of the producer's encoding that was forwarded.
    pub layer: usize,
    /// The SSRC that fed it.
    pub source: u32,
    pub first_in: u64,
    pub first_out: u64,
    pub shift: Stamp,
    /// Goes on where the one before ends: only numbers that carry nothing lie between them.
    pub joined: bool,
}

impl Segment {
    /// `None` for a packet that is older than the start.
    pub fn place(&self, extended: u64) -> Option<Place> {
        let distance = extended.checked_sub(self.first_in)?;
        Some(Place {
            out: self.first_out + distance,
            shift: self.shift,
        })
    }

    /// The publisher's extended number of one of ours.
    pub fn origin(&self, out: u64) -> Option<u64> {
        Some(self.first_in + out.checked_sub(self.first_out)?)
    }
}

/// The latest stretches, oldest first; room is made once.
pub struct Segments(Vec<Segment>);

impl Default for Segments {
    fn default() -> Self {
        Self(Vec::with_capacity(MAX_SEGMENTS))
    }
}

impl Segments {
    pub fn push(&mut self, segment: Segment) {
        if self.0.len() == MAX_SEGMENTS {
            self.0.remove(0);
        }
        self.0.push(segment);
    }

    pub fn last(&self) -> Option<&Segment> {
        self.0.last()
    }

    /// Where a packet goes that belongs to the last stretch or to what it is joined to.
    pub fn place(&self, extended: u64) -> Option<Place> {
        let mut end = u64::MAX;
        for segment in self.0.iter().rev() {
            if let Some(place) = segment.place(extended) {
                return Some(place).filter(|place| place.out < end);
            }
            if !segment.joined {
                return None;
            }
            end = segment.first_out;
        }
        None
    }

    /// Leaves out a number of the publisher's: the next one takes its place.
    pub fn skip(&mut self, extended: u64) {
        let Some((last, place)) = self.0.last_mut().and_then(|last| {
            let place = last.place(extended)?;
            Some((last, place))
        }) else {
            return;
        };
        if last.first_in == extended && last.joined {
            last.first_in += 1;
            return;
        }
        let next = Segment {
            first_in: extended + 1,
            first_out: place.out,
            joined: true,
            ..*last
        };
        self.push(next);
    }

    /// The stretch in which a number of ours was sent.
    pub fn around(&self, out: u64) -> Option<&Segment> {
        self.0.iter().rev().find(|segment| segment.first_out <= out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments() -> Segments {
        let mut segments = Segments::default();
        segments.push(Segment {
            layer: 0,
            source: 5,
            first_in: 10,
            first_out: 100,
            shift: Stamp::default(),
            joined: false,
        });
        segments
    }

    fn out(segments: &Segments, extended: u64) -> Option<u64> {
        segments.place(extended).map(|place| place.out)
    }

    #[test]
    fn numbers_close_up_over_what_is_left_out_and_lead_back() {
        let mut segments = segments();
        for empty in [12, 13, 14, 16] {
            segments.skip(empty);
        }
        let sent: Vec<_> = [9, 10, 11, 12, 14, 15, 16, 17]
            .map(|extended| out(&segments, extended))
            .into();
        let expected = [
            None,
            Some(100),
            Some(101),
            None,
            None,
            Some(102),
            None,
            Some(103),
        ];
        assert_eq!(sent, expected);
        let origin = |out| segments.around(out)?.origin(out);
        assert_eq!([100, 101, 102, 103].map(origin), [10, 11, 15, 17].map(Some));
        assert_eq!(segments.0.len(), 3);
    }

    #[test]
    fn what_is_older_than_the_memory_has_no_place() {
        let mut segments = segments();
        for empty in (12..1_000).step_by(2) {
            segments.skip(empty);
        }
        assert_eq!(segments.0.len(), MAX_SEGMENTS);
        assert_eq!(out(&segments, 11), None);
        assert_eq!(out(&segments, 997), Some(100 + 1 + (997 - 11) / 2));
    }
}

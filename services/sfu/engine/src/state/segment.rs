//! Stretches of an outgoing stream in which the publisher's numbers and ours run side by side.

/// Stretches that are remembered, so that packets of before a pause or a switch can be sent again.
const MAX_SEGMENTS: usize = 8;

/// What to add to the publisher's numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shift {
    pub timestamp: u32,
}

/// Our extended number for a packet, and what is added to its other numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub out: u64,
    pub shift: Shift,
}

#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// Index of the producer's encoding that was forwarded.
    pub layer: usize,
    pub first_in: u64,
    pub first_out: u64,
    pub shift: Shift,
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

    /// The stretch in which a number of ours was sent.
    pub fn around(&self, out: u64) -> Option<&Segment> {
        self.0.iter().rev().find(|segment| segment.first_out <= out)
    }
}

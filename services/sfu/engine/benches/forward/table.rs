//! The result, as a table for docs/performance.md.

/// One round: nanoseconds of CPU time per packet that left.
#[derive(Clone, Copy)]
pub struct Sample {
    pub engine: f64,
    pub floor: f64,
}

pub struct Row {
    pub fan_out: usize,
    samples: Vec<Sample>,
}

impl Row {
    pub fn new(fan_out: usize) -> Self {
        let samples = Vec::new();
        Self { fan_out, samples }
    }

    pub fn add(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    /// Median, least and greatest.
    fn spread(&self, value: impl Fn(&Sample) -> f64) -> (f64, f64, f64) {
        let mut values: Vec<f64> = self.samples.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        match values[..] {
            [] => (0.0, 0.0, 0.0),
            [least, .., greatest] => (values[values.len() / 2], least, greatest),
            [only] => (only, only, only),
        }
    }
}

pub fn print(rows: &[Row]) {
    println!("| fan-out | engine, ns | floor, ns | engine / floor | rounds |");
    println!("|---|---|---|---|---|");
    for row in rows {
        let engine = row.spread(|sample| sample.engine);
        let floor = row.spread(|sample| sample.floor);
        let ratio = row.spread(|sample| sample.engine / sample.floor);
        println!(
            "| {} | {:.0} ({:.0}–{:.0}) | {:.0} ({:.0}–{:.0}) | {:.2} ({:.2}–{:.2}) | {} |",
            row.fan_out,
            engine.0,
            engine.1,
            engine.2,
            floor.0,
            floor.1,
            floor.2,
            ratio.0,
            ratio.1,
            ratio.2,
            row.samples.len(),
        );
    }
}

//! CPU time per packet that leaves: the engine beside the least that any such program must do.
//!
//! Both sides take the same packets off a loopback socket and send as many to the same sinks. Rounds
//! alternate, so that what else the machine does weighs on both; a ratio is taken within a round.

#[path = "../../tests/support/check.rs"]
mod check;
mod cpu;
mod floor;
mod machine;
mod packet;
mod rig;
mod sink;
mod table;

use std::time::{Duration, Instant};

use floor::Floor;
use rig::Rig;
use table::{Row, Sample};

const FAN_OUTS: [usize; 3] = [1, 10, 100];
const ROUNDS: usize = 15;
/// Packets that leave in one measurement, about 50 ms of CPU time.
const PACKETS_OUT: usize = 12_800;
/// No round begins later, whatever else the machine does.
const LIMIT: Duration = Duration::from_secs(40);

/// Something that takes bursts of packets and sends each to everyone.
trait Side {
    /// Queues a burst, which is not timed, and passes it on, which is. Answers nanoseconds of CPU time
    /// and packets that left.
    fn burst(&mut self) -> (u64, u64);

    /// Nanoseconds of CPU time for each packet that left, after a burst that warms the caches.
    fn measure(&mut self, fan_out: usize) -> f64 {
        self.burst();
        let bursts = PACKETS_OUT.div_ceil(fan_out * packet::BURST);
        let expected = (bursts * fan_out * packet::BURST) as u64;
        let (mut nanos, mut packets) = (0, 0);
        for _ in 0..bursts {
            let (spent, sent) = self.burst();
            nanos += spent;
            packets += sent;
        }
        if packets != expected {
            eprintln!("fan-out {fan_out}: {packets} packets left, not {expected}");
        }
        nanos as f64 / packets as f64
    }
}

fn main() -> std::io::Result<()> {
    let load_before = machine::load();
    let mut stages = Vec::new();
    for fan_out in FAN_OUTS {
        stages.push((Rig::new(fan_out)?, Floor::new(fan_out)?, Row::new(fan_out)));
    }
    let begin = Instant::now();
    for round in 0..ROUNDS {
        if begin.elapsed() > LIMIT {
            break;
        }
        for (engine, floor, row) in &mut stages {
            row.add(sample(engine, floor, row.fan_out, round % 2 == 0));
        }
    }
    machine::print(&load_before);
    let rows: Vec<Row> = stages.into_iter().map(|(_, _, row)| row).collect();
    table::print(&rows);
    Ok(())
}

/// One measurement of each, in turns who is first.
fn sample(engine: &mut Rig, floor: &mut Floor, fan_out: usize, floor_first: bool) -> Sample {
    if floor_first {
        let floor = floor.measure(fan_out);
        let engine = engine.measure(fan_out);
        return Sample { engine, floor };
    }
    let engine = engine.measure(fan_out);
    let floor = floor.measure(fan_out);
    Sample { engine, floor }
}

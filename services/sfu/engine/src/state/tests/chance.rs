//! Calls in which everything happens by chance, and what must hold in each of them.

use std::collections::HashMap;

use super::lab::*;
use crate::command::Command;
use crate::wire::demux::{Protocol, classify};
use crate::wire::rtcp::write_nack;
use crate::wire::testing::Xorshift;
use crate::wire::vp8::Descriptor;

const OUT: u32 = 0x2222;
const RIDS: [&str; 3] = ["r0", "r1", "r2"];
const STEPS: usize = 6_000;
/// Beyond it the test would have to count rollovers.
const LAST_SEQUENCE: u16 = 64_000;

/// A packet that did not come.
struct Lost {
    layer: usize,
    sequence: u16,
    timestamp: u32,
    key: bool,
}

struct Chance {
    random: Xorshift,
    lab: Lab,
    publisher: Client,
    viewer: Client,
    ssrcs: [u32; 3],
    sequences: [u16; 3],
    rtx_sequences: [u16; 3],
    lost: Vec<Lost>,
    late: Vec<Vec<u8>>,
    consumer_paused: bool,
    producer_paused: bool,
    /// What the viewer got under each SSRC and number.
    got: HashMap<(u32, u16), Vec<u8>>,
    /// Number, timestamp and picture id of each media packet.
    pictures: Vec<(u16, u32, u16)>,
}

impl Chance {
    fn new(seed: u64) -> Self {
        let mut lab = Lab::new();
        let publisher = lab.connect(1);
        let viewer = lab.connect(2);
        let layers = RIDS.map(|rid| (None, None, Some(rid)));
        lab.apply(add_producer(1, 1, video(Some("1"), &layers)));
        // Without RTX a retransmission has the number of the original.
        let rtx_ssrc = (seed % 2 == 0).then_some(OUT + 1);
        lab.apply(add_consumer(1, 1, 2, consumer(OUT, rtx_ssrc)));
        Self {
            random: Xorshift::new(seed),
            lab,
            publisher,
            viewer,
            ssrcs: [100, 200, 300],
            sequences: [30_000, 10, 45_000],
            rtx_sequences: [0; 3],
            lost: Vec::new(),
            late: Vec::new(),
            consumer_paused: false,
            producer_paused: false,
            got: HashMap::new(),
            pictures: Vec::new(),
        }
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.random.below(count) == 0
    }

    fn step(&mut self) {
        let layer = self.random.below(3) as usize;
        match self.random.below(1_000) {
            0..800 => {
                let key = self.one_in(25);
                self.send(layer, key);
            }
            800..840 => {
                if let Some(datagram) = self.late.pop() {
                    self.lab.receive(self.publisher.tuple, &datagram);
                }
            }
            840..890 => self.repair(),
            890..920 => self
                .lab
                .apply(Command::SetConsumerLayer { consumer: 1, layer }),
            920..930 => self.pause_consumer(!self.consumer_paused),
            930..935 => self.pause_producer(!self.producer_paused),
            935..938 => {
                self.ssrcs[layer] += 1;
                self.sequences[layer] = self.random.below(30_000) as u16;
                self.lost.retain(|lost| lost.layer != layer);
            }
            938..940 => self.sequences[layer] += 2_000,
            940..980 => self.ask_again(),
            _ => self.pass(30),
        }
        self.take();
    }

    fn pass(&mut self, millis: u64) {
        self.lab.pass(millis);
        self.lab.check(self.publisher.tuple, "ufrag1", true);
        self.lab.check(self.viewer.tuple, "ufrag2", true);
    }

    fn send(&mut self, layer: usize, key: bool) {
        let sequence = self.sequences[layer];
        if sequence > LAST_SEQUENCE {
            return;
        }
        self.sequences[layer] += 1;
        let ticks = (self.lab.now.micros * 9 / 100) as u32;
        let timestamp = ticks + layer as u32 * 777_777;
        let head = header(VIDEO_TYPE, self.ssrcs[layer], sequence, timestamp);
        if self.one_in(15) {
            let datagram = self.publisher.padding(head);
            self.lab.receive(self.publisher.tuple, &datagram);
            return;
        }
        let names: [(u8, &[u8]); 2] = [(MID, b"1"), (RID, RIDS[layer].as_bytes())];
        let payload = numbered_vp8(key, sequence, sequence as u8);
        let datagram = self.publisher.protect(head, &names, &payload);
        match self.random.below(20) {
            0 => self.lost.push(Lost {
                layer,
                sequence,
                timestamp,
                key,
            }),
            1 => self.late.push(datagram),
            _ => self.lab.receive(self.publisher.tuple, &datagram),
        }
    }

    fn repair(&mut self) {
        let Some(lost) = self.lost.pop() else {
            return;
        };
        let number = &mut self.rtx_sequences[lost.layer];
        *number += 1;
        let ssrc = 1_000 + lost.layer as u32;
        let head = header(RTX_TYPE, ssrc, *number, lost.timestamp);
        let names: [(u8, &[u8]); 2] = [(MID, b"1"), (RRID, RIDS[lost.layer].as_bytes())];
        let mut original = lost.sequence.to_be_bytes().to_vec();
        original.extend(numbered_vp8(lost.key, lost.sequence, lost.sequence as u8));
        let datagram = self.publisher.protect(head, &names, &original);
        self.lab.receive(self.publisher.tuple, &datagram);
    }

    fn pause_consumer(&mut self, pause: bool) {
        self.consumer_paused = pause;
        self.lab.apply(if pause {
            Command::PauseConsumer { consumer: 1 }
        } else {
            Command::ResumeConsumer { consumer: 1 }
        });
    }

    fn pause_producer(&mut self, pause: bool) {
        self.producer_paused = pause;
        self.lab.apply(if pause {
            Command::PauseProducer { producer: 1 }
        } else {
            Command::ResumeProducer { producer: 1 }
        });
    }

    fn ask_again(&mut self) {
        let Some(&(last, ..)) = self.pictures.last() else {
            return;
        };
        let lost = [last.wrapping_sub(self.random.below(60) as u16)];
        let mut buffer = [0; 64];
        let written = write_nack(&mut buffer, 9, OUT, &lost).unwrap();
        let nack = self.viewer.protect_rtcp(&buffer[..written.bytes]);
        self.lab.receive(self.viewer.tuple, &nack);
    }

    /// What the viewer gets. The same number never protects other bytes (RFC 7714, 8.4).
    fn take(&mut self) {
        for sent in self.lab.sent() {
            let bytes = &sent.bytes;
            if sent.tuple != self.viewer.tuple || classify(bytes) != Some(Protocol::Rtp) {
                continue;
            }
            let sequence = u16::from_be_bytes([bytes[2], bytes[3]]);
            let ssrc = u32::from_be_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
            if let Some(before) = self.got.insert((ssrc, sequence), bytes.clone()) {
                assert_eq!(&before, bytes, "{ssrc:x} {sequence}");
                continue;
            }
            let packet = self.viewer.packets(std::slice::from_ref(&sent)).remove(0);
            if ssrc == OUT {
                let picture_id = Descriptor::parse(&packet.payload).unwrap().picture_id;
                let timestamp = packet.header.timestamp;
                self.pictures
                    .push((sequence, timestamp, picture_id.unwrap().value));
            }
        }
    }
}

#[test]
fn whatever_happens_no_number_is_used_twice_nothing_goes_back_and_everyone_ends_with_a_picture() {
    let mut seen = 0;
    for seed in 1..30 {
        let mut chance = Chance::new(seed);
        for _ in 0..STEPS {
            chance.step();
        }
        chance.pause_consumer(false);
        chance.pause_producer(false);
        chance.take();
        let before = chance.pictures.len();
        chance.sequences = chance
            .sequences
            .map(|sequence| sequence.min(LAST_SEQUENCE - 100));
        for _ in 0..40 {
            chance.pass(100);
            for layer in 0..3 {
                chance.send(layer, true);
            }
            chance.take();
        }
        assert!(chance.pictures.len() > before, "seed {seed}: no picture");
        chance.pictures.sort_unstable();
        for pair in chance.pictures.windows(2) {
            let later = pair[1].1.wrapping_sub(pair[0].1);
            let further = pair[1].2.wrapping_sub(pair[0].2) & 0x7fff;
            assert!(later < 1 << 31, "seed {seed}: time turned back: {pair:?}");
            assert!((1..0x4000).contains(&further), "seed {seed}: {pair:?}");
        }
        assert_eq!(chance.lab.counter("panics"), 0, "seed {seed}");
        seen += chance.pictures.len();
    }
    assert!(seen > 5_000, "{seen} is too little to mean anything");
}

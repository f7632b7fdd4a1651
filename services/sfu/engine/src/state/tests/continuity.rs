//! What a viewer sees of switches, pauses and padding: numbers and time that go on.

use super::lab::*;
use super::layering::{LAYERS, OUT, call, send, set_layer};
use crate::command::Command;
use crate::state::now::ntp_of_unix_nanos;
use crate::wire::rtcp::{Compound, Packet as Control, SenderInfo, write_nack, write_sender_report};
use crate::wire::rtx;
use crate::wire::vp8::Descriptor;

/// Picture id and TL0PICIDX of a payload.
fn numbers(payload: &[u8]) -> (u16, u8) {
    let descriptor = Descriptor::parse(payload).unwrap();
    (
        descriptor.picture_id.unwrap().value,
        descriptor.tl0_index.unwrap(),
    )
}

/// A frame of a layer, each of which counts its pictures from elsewhere.
fn send_picture(lab: &mut Lab, publisher: &Client, layer: usize, count: u16, key: bool) {
    let head = header(VIDEO_TYPE, LAYERS[layer], count, u32::from(count) * 3_000);
    let picture_id = ([0x7ffe, 1_000, 77][layer] + count) & 0x7fff;
    let tl0_index = [250_u8, 3, 90][layer].wrapping_add(count as u8);
    let payload = numbered_vp8(key, picture_id, tl0_index);
    lab.receive(publisher.tuple, &publisher.protect(head, &[], &payload));
    lab.pass(30);
}

#[test]
fn picture_ids_run_on_over_switches_pauses_and_gaps() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab);
    send_picture(&mut lab, &publisher, 0, 1, true);
    send_picture(&mut lab, &publisher, 0, 2, false);
    set_layer(&mut lab, 2);
    send_picture(&mut lab, &publisher, 2, 9, true);
    send_picture(&mut lab, &publisher, 2, 10, false);
    lab.apply(Command::PauseConsumer { consumer: 1 });
    send_picture(&mut lab, &publisher, 2, 11, false);
    lab.apply(Command::ResumeConsumer { consumer: 1 });
    send_picture(&mut lab, &publisher, 2, 12, true);
    // So far ahead that the stream starts anew.
    send_picture(&mut lab, &publisher, 2, 5_000, true);
    set_layer(&mut lab, 1);
    send_picture(&mut lab, &publisher, 1, 4, true);
    let packets = viewer.packets(&lab.sent());
    let seen: Vec<_> = packets
        .iter()
        .map(|packet| numbers(&packet.payload))
        .collect();
    let expected = (0..7).map(|count: u8| {
        let picture_id = 0x7fff + u16::from(count);
        (picture_id & 0x7fff, 251_u8.wrapping_add(count))
    });
    assert_eq!(seen, expected.collect::<Vec<_>>());

    let mut buffer = [0; 64];
    let second = packets[1].header.sequence;
    let written = write_nack(&mut buffer, 9, OUT, &[second]).unwrap();
    let nack = viewer.protect_rtcp(&buffer[..written.bytes]);
    lab.receive(viewer.tuple, &nack);
    let again = viewer.packets(&lab.sent());
    let (original, payload) = rtx::parse(&again[0].payload).unwrap();
    assert_eq!((original, payload), (second, &packets[1].payload[..]));
}

#[test]
fn short_picture_ids_keep_their_width_and_what_has_none_passes() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab);
    let mut transmit = |lab: &mut Lab, layer: usize, sequence, payload: &[u8]| {
        let head = header(VIDEO_TYPE, LAYERS[layer], sequence, 0);
        lab.receive(publisher.tuple, &publisher.protect(head, &[], payload));
        let packets = viewer.packets(&lab.sent());
        packets[0].payload.clone()
    };
    // X and S; I; seven bits of picture id; the frame.
    let short = |picture_id| [0x90, 0x80, picture_id, 0, 7, 7];
    assert_eq!(transmit(&mut lab, 0, 1, &short(126)), short(126));
    assert_eq!(transmit(&mut lab, 0, 2, &short(127)), short(127));
    set_layer(&mut lab, 1);
    assert_eq!(transmit(&mut lab, 1, 1, &short(5)), short(0));
    set_layer(&mut lab, 2);
    assert_eq!(transmit(&mut lab, 2, 1, &vp8(true)), vp8(true));
}

/// Publisher's time in milliseconds since the beginning of the test.
struct Studio {
    lab: Lab,
    publisher: Client,
    viewer: Client,
    began_nanos: u64,
    sequences: [u16; 3],
}

/// Where the clocks of the layers begin.
const BASES: [u32; 3] = [1_000_000, 4_000_000_000, 77];

impl Studio {
    fn new() -> Self {
        let mut lab = Lab::new();
        let (publisher, viewer) = call(&mut lab);
        Self {
            began_nanos: lab.now.wall_nanos,
            lab,
            publisher,
            viewer,
            sequences: [100; 3],
        }
    }

    fn timestamp(layer: usize, millis: u32) -> u32 {
        BASES[layer].wrapping_add(millis * 90)
    }

    fn millis(&self) -> u32 {
        ((self.lab.now.wall_nanos - self.began_nanos) / 1_000_000) as u32
    }

    /// Sends the picture that was taken then. Answers the timestamps that the viewer gets.
    fn film(&mut self, layer: usize, millis: u32, key: bool) -> Vec<u32> {
        self.sequences[layer] += 1;
        let timestamp = Self::timestamp(layer, millis);
        let head = header(VIDEO_TYPE, LAYERS[layer], self.sequences[layer], timestamp);
        let datagram = self.publisher.protect(head, &[], &vp8(key));
        self.lab.receive(self.publisher.tuple, &datagram);
        let packets = self.viewer.packets(&self.lab.sent());
        packets
            .iter()
            .map(|packet| packet.header.timestamp)
            .collect()
    }

    /// The publisher, whose clock is a day behind, reports on a layer.
    fn report(&mut self, layer: usize) {
        let info = SenderInfo {
            ntp: ntp_of_unix_nanos(self.lab.now.wall_nanos - 86_400_000_000_000),
            rtp_timestamp: Self::timestamp(layer, self.millis()),
            ..SenderInfo::default()
        };
        let mut buffer = [0; 256];
        let length = write_sender_report(&mut buffer, LAYERS[layer], &info, "c").unwrap();
        let datagram = self.publisher.protect_rtcp(&buffer[..length]);
        self.lab.receive(self.publisher.tuple, &datagram);
    }
}

#[test]
fn time_over_a_switch_is_the_publishers_whatever_its_layers_count_from() {
    let mut studio = Studio::new();
    let exact = |millis| Studio::timestamp(0, millis);
    assert_eq!(studio.film(0, 0, true), [exact(0)]);
    studio.lab.pass(50);
    for layer in 0..3 {
        studio.report(layer);
        studio.lab.pass(30);
    }
    set_layer(&mut studio.lab, 1);
    studio.lab.pass(60);
    // Taken 200 ms after the first, but on its way for 40 ms longer.
    let sent = studio.film(1, 170, true);
    assert!(sent[0].abs_diff(exact(170)) <= 1, "{sent:?}");
    set_layer(&mut studio.lab, 2);
    // The same picture as the last one: a tick later, and that once only.
    let sent = studio.film(2, 170, true);
    assert!((1..=2).contains(&(sent[0] - exact(170))), "{sent:?}");
    set_layer(&mut studio.lab, 0);
    let sent = studio.film(0, 200, true);
    assert!(sent[0].abs_diff(exact(200)) <= 1, "{sent:?}");

    studio.lab.pass(1_000);
    let now_millis = studio.millis();
    let control = studio.viewer.control(&studio.lab.sent());
    let reports = control.iter().flat_map(|packet| Compound::new(packet));
    let last = reports.filter_map(|part| match part {
        Control::SenderReport { info, .. } => Some(info),
        _ => None,
    });
    let info = last.last().expect("a report");
    let age_millis = (u128::from(studio.lab.now.ntp() - info.ntp) * 1_000) >> 32;
    let expected = exact(now_millis - age_millis as u32);
    assert!(info.rtp_timestamp.abs_diff(expected) <= 200, "{info:?}");
}

#[test]
fn time_over_a_switch_goes_by_arrival_while_a_layer_has_no_report() {
    let mut studio = Studio::new();
    studio.report(0);
    let first = studio.film(0, 0, true)[0];
    set_layer(&mut studio.lab, 1);
    studio.lab.pass(500);
    let second = studio.film(1, 490, true)[0];
    assert_eq!(second - first, 500 * 90);
    assert_eq!(studio.film(1, 520, false)[0] - second, 30 * 90);
    set_layer(&mut studio.lab, 0);
    // At the very moment of the last one.
    let third = studio.film(0, 520, true)[0];
    assert!(third > second + 30 * 90);
}

#[test]
fn report_that_is_nonsense_moves_time_no_further_than_what_has_passed() {
    let mut studio = Studio::new();
    let first = studio.film(0, 0, true)[0];
    studio.report(0);
    studio.began_nanos -= 3_600_000_000_000;
    studio.report(1);
    studio.began_nanos += 3_600_000_000_000;
    set_layer(&mut studio.lab, 1);
    studio.lab.pass(100);
    assert_eq!(studio.film(1, 100, true)[0] - first, 9_000);
}

#[test]
fn padding_is_not_forwarded_and_leaves_no_gap() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab);
    let pad = |lab: &mut Lab, sequence| {
        let head = header(VIDEO_TYPE, LAYERS[0], sequence, 0);
        lab.receive(publisher.tuple, &publisher.padding(head));
    };
    // Nothing starts with it.
    pad(&mut lab, 9);
    send(&mut lab, &publisher, 0, 10, true);
    // Number 11 is late, and 12, 13 and 15 are padding.
    for sequence in [12, 13] {
        pad(&mut lab, sequence);
    }
    send(&mut lab, &publisher, 0, 14, false);
    pad(&mut lab, 15);
    send(&mut lab, &publisher, 0, 16, false);
    send(&mut lab, &publisher, 0, 11, false);
    let packets = viewer.packets(&lab.sent());
    let first = packets[0].header.sequence;
    let sent: Vec<_> = packets
        .iter()
        .map(|packet| {
            (
                packet.header.sequence - first,
                packet.header.timestamp / 3_000,
            )
        })
        .collect();
    assert_eq!(sent, [(0, 10), (2, 14), (3, 16), (1, 11)]);
    lab.pass(200);
    assert_eq!(lab.counter("nacks_out"), 0);
    let mut buffer = [0; 64];
    let written = write_nack(&mut buffer, 9, OUT, &[first + 2, first + 1]).unwrap();
    let nack = viewer.protect_rtcp(&buffer[..written.bytes]);
    lab.receive(viewer.tuple, &nack);
    let again = viewer.packets(&lab.sent());
    let timestamps: Vec<_> = again
        .iter()
        .map(|packet| packet.header.timestamp / 3_000)
        .collect();
    assert_eq!(timestamps, [14, 11]);
}

#[test]
fn resolution_that_changes_passes_without_a_break() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab);
    for (sequence, key, width) in [(1, true, 64), (2, false, 0), (3, true, 128), (4, false, 0)] {
        let head = header(VIDEO_TYPE, LAYERS[0], sequence, u32::from(sequence) * 3_000);
        let mut payload = vp8(key);
        payload[7] = width;
        lab.receive(publisher.tuple, &publisher.protect(head, &[], &payload));
    }
    let packets = viewer.packets(&lab.sent());
    let widths: Vec<_> = packets.iter().map(|packet| packet.payload[7]).collect();
    assert_eq!(widths, [64, 0, 128, 0]);
}

#[test]
fn timestamps_that_jump_wait_for_a_key_frame_and_go_on_with_the_time_that_has_passed() {
    for jump in [90_000 * 3_600, 0_u32.wrapping_sub(90_000 * 3_600)] {
        let mut lab = Lab::new();
        let (publisher, mut viewer) = call(&mut lab);
        for (sequence, key, jump) in [
            (1, true, 0),
            (2, false, 0),
            (3, false, jump),
            (4, true, jump),
            (5, false, jump),
        ] {
            let timestamp = (u32::from(sequence) * 2_700).wrapping_add(jump);
            let head = header(VIDEO_TYPE, LAYERS[0], sequence, timestamp);
            lab.receive(publisher.tuple, &publisher.protect(head, &[], &vp8(key)));
            lab.pass(30);
        }
        let packets = viewer.packets(&lab.sent());
        let first = packets[0].header;
        let sent: Vec<_> = packets
            .iter()
            .map(|packet| {
                let header = packet.header;
                (
                    header.sequence - first.sequence,
                    header.timestamp - first.timestamp,
                )
            })
            .collect();
        assert_eq!(sent, [(0, 0), (1, 2_700), (2, 8_100), (3, 10_800)]);
        assert_eq!(lab.counter("streams_restarted"), 1);
    }
}

#[test]
fn sequence_numbers_that_jump_either_way_cost_the_publisher_a_key_frame_at_most() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab);
    send(&mut lab, &publisher, 0, 20_000, true);
    send(&mut lab, &publisher, 0, 30_000, false);
    send(&mut lab, &publisher, 0, 30_001, true);
    // Back within the same rollover is a replay (RFC 3711, 3.3.2).
    send(&mut lab, &publisher, 0, 20_001, true);
    assert_eq!(lab.counter("srtp_replayed"), 1);
    // A retransmission must not lead it on.
    let head = header(RTX_TYPE, LAYERS[0] + 0x1000, 1, 0);
    let mut original = 50_000_u16.to_be_bytes().to_vec();
    original.extend(vp8(false));
    lab.receive(publisher.tuple, &publisher.protect(head, &[], &original));
    assert_eq!(lab.counter("rtx_orphaned"), 1);
    send(&mut lab, &publisher, 0, 30_002, false);
    let packets = viewer.packets(&lab.sent());
    let first = packets[0].header.sequence;
    let sent: Vec<_> = packets
        .iter()
        .map(|packet| packet.header.sequence - first)
        .collect();
    assert_eq!(sent, [0, 1, 2]);
}

#[test]
fn packet_that_timestamps_jumped_over_comes_late_without_another_restart() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab);
    let jump = 90_000 * 3_600;
    for (sequence, key, jump) in [
        (1, true, 0),
        (3, true, jump),
        (2, false, 0),
        (4, false, jump),
    ] {
        let head = header(VIDEO_TYPE, LAYERS[0], sequence, u32::from(sequence) + jump);
        lab.receive(publisher.tuple, &publisher.protect(head, &[], &vp8(key)));
    }
    assert_eq!(lab.counter("streams_restarted"), 1);
    assert_eq!(viewer.packets(&lab.sent()).len(), 3);
}
